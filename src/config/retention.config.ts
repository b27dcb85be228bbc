import { whole } from './readers.js';
import { Variable } from './variable.js';

const MOST_DAYS = 36_500;

/** How long records are kept. */
export class RetentionConfig {
  @Variable({
    name: 'TASK_RETENTION_DAYS',
    about: 'Days after which finished tasks leave, with their executions and logs; 0 keeps them for ever.',
    read: whole(0, MOST_DAYS),
    default: 365,
  })
  readonly task_days!: number;

  @Variable({
    name: 'LOG_RETENTION_DAYS',
    about: 'Days after which the log entries of finished executions leave; 0 keeps them as long as their task.',
    read: whole(0, MOST_DAYS),
    default: 90,
  })
  readonly log_days!: number;

  @Variable({
    name: 'EVENT_RETENTION_DAYS',
    about: 'Days after which events leave; 0 keeps them for ever.',
    read: whole(0, MOST_DAYS),
    default: 90,
  })
  readonly event_days!: number;

  @Variable({
    name: 'COORDINATOR_METRIC_RETENTION_DAYS',
    about: 'Days after which the figures that coordinators reported of their hosts leave; 0 keeps them for ever.',
    read: whole(0, MOST_DAYS),
    default: 7,
  })
  readonly coordinator_metric_days!: number;
}
