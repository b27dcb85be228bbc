import { pino, type DestinationStream, type Logger } from 'pino';
import { PinoPretty, type PrettyOptions } from 'pino-pretty';
import type { RuntimeConfig } from '../config/runtime.config.js';
import type { Secrets } from './secrets.js';

/** Fields that must never be written, wherever an object that holds them is logged. */
const SECRETS = ['token', 'key', 'password', 'authorization', 'Authorization'];

export interface LoggerOptions {
  /** Whose lines these are, where several write to one place: a field of each, or in front of it. */
  readonly worker?: string;
  /** Instead of the standard output. */
  readonly destination?: DestinationStream;
}

/** The runner's own log: lines for people on a terminal, JSON elsewhere. */
export function createLogger(
  { log_level, log_format }: RuntimeConfig,
  secrets: Secrets,
  { worker = '', destination }: LoggerOptions = {},
): Logger {
  const isPretty = log_format === 'pretty' || (log_format === 'auto' && process.stdout.isTTY);
  const options = {
    level: log_level,
    base: worker === '' ? null : { worker },
    // Fields of these names go whatever they hold; inside any other text the values themselves are looked for.
    hooks: { streamWrite: (line: string) => secrets.hide(line) },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  };
  if (isPretty) return pino(options, PinoPretty({ ...FOR_PEOPLE, ...(worker !== '' && named(worker)) }));
  return destination === undefined ? pino(options) : pino(options, destination);
}

const FOR_PEOPLE = { sync: true, translateTime: 'SYS:HH:MM:ss' };

/** The name stands in front of what is said, so that lines of several workers are told apart at a glance. */
const named = (worker: string): PrettyOptions => ({
  ignore: 'worker',
  messageFormat: (line, key, _level, { colors }) => `${colors.magenta(worker)} ${colors.cyan(String(line[key]))}`,
});
