import { onOff, text } from './readers.js';
import { Variable } from './variable.js';

/** What a coordinator tells the workers that it starts. */
export class SupervisedConfig {
  @Variable({
    name: 'MIYABI_LOG_NAME',
    about:
      'Name in each line of the log of this worker. A coordinator gives it to its workers, which write to one place.',
    read: text,
    default: '',
  })
  readonly log_name!: string;

  @Variable({
    name: 'MIYABI_LAST_RUN',
    about:
      'Whether this worker only delivers what an earlier run has left, has the server count it as stopped, and ends. A coordinator has this done in place of workers that it is no longer to run.',
    read: onOff,
    default: false,
  })
  readonly last_run!: boolean;
}
