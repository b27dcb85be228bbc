import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { ConfigModule } from './config/config.module.js';
import type { Configuration } from './config/load.js';
import { DatabaseModule } from './database/database.module.js';
import { HealthModule } from './health/health.module.js';
import { DeadlineInterceptor } from './http/deadline.interceptor.js';
import { InputPipe } from './http/input.pipe.js';
import { LifecycleModule } from './http/lifecycle.module.js';
import { ProblemFilter } from './http/problem.filter.js';

/** The list of features. */
@Module({})
export class AppModule {
  static with(configuration: Configuration): DynamicModule {
    return {
      module: AppModule,
      imports: [ConfigModule.with(configuration), DatabaseModule, LifecycleModule, HealthModule],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useClass: InputPipe },
        { provide: APP_INTERCEPTOR, useClass: DeadlineInterceptor },
      ],
    };
  }
}
