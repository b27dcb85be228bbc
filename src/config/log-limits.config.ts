import { whole } from './readers.js';
import { Variable } from './variable.js';

const MIB = 1024 ** 2;

/** How much of what an agent writes a worker logs. */
export class LogLimitsConfig {
  @Variable({
    name: 'MAX_LOG_BYTES',
    about:
      'Bytes that the output of one execution may take in its log, each line with about 90 bytes beside its text. Of what is beyond it only the last lines are logged; the log and the record then say how much was left out.',
    read: whole(1, 999_999_999_999_999),
    default: 64 * MIB,
  })
  readonly max_log_bytes!: number;

  @Variable({
    name: 'MAX_LOG_ENTRIES',
    about: 'Lines of output of one execution that go into its log. What is beyond it is left out in the same way.',
    read: whole(1, 100_000_000),
    default: 200_000,
  })
  readonly max_log_entries!: number;
}
