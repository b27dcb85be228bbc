import { Global, Module } from '@nestjs/common';
import { DutiesService } from './duties.service.js';
import { DutyRunsStore } from './duty-runs.store.js';

@Global()
@Module({ providers: [DutiesService, DutyRunsStore], exports: [DutiesService] })
export class DutiesModule {}
