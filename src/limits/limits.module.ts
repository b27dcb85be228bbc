import { Global, Module } from '@nestjs/common';
import { LimitsService } from './limits.service.js';
import { RateLimitsStore } from './rate-limits.store.js';

/** Global, because routes of any feature may be limited. */
@Global()
@Module({ providers: [LimitsService, RateLimitsStore], exports: [LimitsService] })
export class LimitsModule {}
