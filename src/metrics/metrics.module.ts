import { Global, Module } from '@nestjs/common';
import { Metrics } from './metrics.js';

/** What every feature may count in. */
@Global()
@Module({ providers: [Metrics], exports: [Metrics] })
export class MetricsModule {}
