import { oneOf } from './readers.js';
import { Variable } from './variable.js';

/** Where the process runs and how it speaks. */
export class RuntimeConfig {
  @Variable({
    name: 'NODE_ENV',
    about: 'What the process is for. Anything meant for development is refused in production, which is the default.',
    read: oneOf('production', 'development', 'test'),
    default: 'production',
  })
  readonly node_env!: 'production' | 'development' | 'test';

  @Variable({
    name: 'LOG_LEVEL',
    about: 'The least severe log lines that are written.',
    read: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
  })
  readonly log_level!: string;

  @Variable({
    name: 'LOG_FORMAT',
    about: 'Log lines as JSON or for people; `auto` is for people on a terminal and JSON elsewhere.',
    read: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
  })
  readonly log_format!: 'auto' | 'json' | 'pretty';

  get production(): boolean {
    return this.node_env === 'production';
  }
}
