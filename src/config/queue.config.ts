import { onOff, seconds, text, whole } from './readers.js';
import { Variable } from './variable.js';

/** Leases, heartbeats and the duties that watch them. */
export class QueueConfig {
  @Variable({
    name: 'LEASE_SECONDS',
    about: 'Life of a lease that no heartbeat renews.',
    read: seconds(1, 3600),
    default: 60,
  })
  readonly lease_seconds!: number;

  @Variable({
    name: 'HEARTBEAT_SECONDS',
    about: 'How often workers are told to send a heartbeat.',
    read: seconds(0.2, 600),
    default: 15,
  })
  readonly heartbeat_seconds!: number;

  @Variable({
    name: 'HEARTBEAT_GATHER_SECONDS',
    about:
      'How long after one write of heartbeats the next waits for more of them; one that comes alone does not wait.',
    read: seconds(0, 2),
    default: 1,
  })
  readonly heartbeat_gather_seconds!: number;

  @Variable({
    name: 'SWEEP_SECONDS',
    about: 'How often ended leases and timed-out executions are looked for.',
    read: seconds(0.1, 600),
    default: 5,
  })
  readonly sweep_seconds!: number;

  @Variable({
    name: 'SWEEP_GAP_SECONDS',
    about:
      'A pause between sweeps after which no lease ends for one full lease length, as workers may not have reached the server.',
    read: seconds(0.1, 3600),
    default: 20,
  })
  readonly sweep_gap_seconds!: number;

  @Variable({
    name: 'WORKER_WATCH_SECONDS',
    about: 'How often workers are looked for that have fallen silent, have come back, or whose pause is over.',
    read: seconds(0.1, 600),
    default: 10,
  })
  readonly worker_watch_seconds!: number;

  @Variable({
    name: 'WAIT_LOOK_SECONDS',
    about: 'How often waiting claims and reads look by themselves: the hints that wake them may be lost.',
    read: seconds(0.1, 600),
    default: 2,
  })
  readonly wait_look_seconds!: number;

  @Variable({
    name: 'RETRY_BASE_SECONDS',
    about: 'Longest delay before the second attempt; it doubles with each further one, up to an hour.',
    read: seconds(0, 3600),
    default: 10,
  })
  readonly retry_base_seconds!: number;

  @Variable({
    name: 'LOG_BATCH',
    about: 'Log entries that workers are told to send at once, at most.',
    read: whole(1, 1000),
    default: 1000,
  })
  readonly log_batch!: number;

  @Variable({
    name: 'AGENT_CLI',
    about: 'The command-line agent that launches catalogue entries without launch settings of their own.',
    read: text,
    default: 'claude',
  })
  readonly agent_cli!: string;

  @Variable({
    name: 'SCRIPT_TASKS',
    about: 'Whether tasks may carry commands of their own (agent type `script`), for callers with agents.run_script.',
    read: onOff,
    default: false,
    development: true,
  })
  readonly script_tasks!: boolean;

  faults(): readonly string[] {
    return this.heartbeat_seconds * 2 > this.lease_seconds
      ? ['HEARTBEAT_SECONDS must be at most half of LEASE_SECONDS']
      : [];
  }
}
