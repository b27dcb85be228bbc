import { seconds, whole } from './readers.js';
import { Variable } from './variable.js';

/** Answers that go on: streams of events and logs, and WebSockets. */
export class StreamsConfig {
  @Variable({
    name: 'MAX_STREAMS',
    about: 'Open streams of one process, beyond which further ones are answered with 503.',
    read: whole(1, 1_000_000),
    default: 2000,
  })
  readonly max_streams!: number;

  @Variable({
    name: 'STREAM_SLOW_SECONDS',
    about: 'How long a reader of a stream may take nothing before its stream is closed.',
    read: seconds(0.1, 3600),
    default: 60,
  })
  readonly slow_seconds!: number;

  @Variable({
    name: 'STREAM_PING_SECONDS',
    about: 'How often a sign of life is sent on a stream, so that proxies do not close it.',
    read: seconds(0.1, 600),
    default: 15,
  })
  readonly ping_seconds!: number;
}
