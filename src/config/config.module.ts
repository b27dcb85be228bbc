import { Global, Module, type DynamicModule } from '@nestjs/common';
import { AuthConfig } from './auth.config.js';
import { DatabaseConfig } from './database.config.js';
import { GitConfig } from './git.config.js';
import { GithubConfig } from './github.config.js';
import { HttpConfig, isLoopback } from './http.config.js';
import { LimitsConfig } from './limits.config.js';
import { Configuration, isProduction, type Environment } from './load.js';
import { QueueConfig } from './queue.config.js';
import { RetentionConfig } from './retention.config.js';
import { RuntimeConfig } from './runtime.config.js';
import { StreamsConfig } from './streams.config.js';

/** Every configuration class of the server, in the order of the README's table. */
export const SERVER_CONFIGS = [
  RuntimeConfig,
  HttpConfig,
  DatabaseConfig,
  AuthConfig,
  LimitsConfig,
  GithubConfig,
  GitConfig,
  QueueConfig,
  RetentionConfig,
  StreamsConfig,
];

/** Checked configuration of a server. Throws ConfigurationFaults with all faults at once. */
export const loadServerConfiguration = (environment: Environment): Configuration =>
  new Configuration(SERVER_CONFIGS, environment, mockLoginFaults(environment));

/** Read from the raw values, so that it is listed together with any other fault. */
function mockLoginFaults(environment: Environment): readonly string[] {
  if (environment['MOCK_LOGIN'] !== 'on') return [];
  if (isProduction(environment)) return ['MOCK_LOGIN must be off in production'];
  const host = environment['HOST'] ?? '';
  return host === '' || isLoopback(host)
    ? []
    : [`MOCK_LOGIN must be off when HOST is ${host}, as others could reach it`];
}

/** Makes each configuration class injectable everywhere. */
@Global()
@Module({})
export class ConfigModule {
  static with(configuration: Configuration): DynamicModule {
    return {
      module: ConfigModule,
      providers: SERVER_CONFIGS.map((config) => ({ provide: config, useValue: configuration.get<object>(config) })),
      exports: SERVER_CONFIGS,
    };
  }
}
