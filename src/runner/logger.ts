import { pino, type DestinationStream, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { RuntimeConfig } from '../config/runtime.config.js';
import type { Secrets } from './secrets.js';

/** Fields that must never be written, wherever an object that holds them is logged. */
const SECRETS = ['token', 'key', 'password', 'authorization', 'Authorization'];

/** The runner's own log: lines for people on a terminal, JSON elsewhere. Tests give another destination. */
export function createLogger(
  { log_level, log_format }: RuntimeConfig,
  secrets: Secrets,
  destination?: DestinationStream,
): Logger {
  const isPretty = log_format === 'pretty' || (log_format === 'auto' && process.stdout.isTTY);
  const options = {
    level: log_level,
    base: null,
    // Fields of these names go whatever they hold; inside any other text the values themselves are looked for.
    hooks: { streamWrite: (line: string) => secrets.hide(line) },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  };
  return isPretty
    ? pino(options, PinoPretty({ sync: true, translateTime: 'SYS:HH:MM:ss' }))
    : destination === undefined
      ? pino(options)
      : pino(options, destination);
}
