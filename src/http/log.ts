import type { LoggerService } from '@nestjs/common';
import { pino, type Level, type Logger } from 'pino';
import { pinoHttp, type HttpLogger } from 'pino-http';
import type { RuntimeConfig } from '../config/runtime.config.js';
import { assignRequestId } from './request-id.js';

/** Fields that may carry a secret, wherever they stand in a log line. */
const SECRETS = [
  'authorization',
  'cookie',
  'token',
  'access_token',
  'refresh_token',
  'secret',
  'password',
  'parameters',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** The process's logger: for people on a terminal, JSON lines elsewhere, secrets left out. */
export function createLogger(config: RuntimeConfig): Logger {
  const pretty = config.log_format === 'pretty' || (config.log_format === 'auto' && process.stdout.isTTY);
  return pino({
    level: config.log_level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS, censor: '[redacted]' },
    serializers: { err: serializeError, error: serializeError },
    ...(pretty && {
      transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss', ignore: 'pid,hostname' } },
    }),
  });
}

/** An error without the values it was about: what PostgreSQL quotes as `detail` may be somebody's data. */
function serializeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return { type: name, message, code, stack, ...(error.cause !== undefined && { cause: serializeError(error.cause) }) };
}

/**
 * A line for each request that has ended, with its id; health checks stay silent. Refusals are told of; the faults
 * behind a 5xx are logged where they are turned into its answer.
 */
export const createRequestLog = (logger: Logger): HttpLogger =>
  pinoHttp({
    logger,
    genReqId: assignRequestId,
    autoLogging: { ignore: (request) => (request.url ?? '').startsWith('/api/v1/health') },
    customLogLevel: (_request, response) => (response.statusCode >= 400 ? 'info' : 'debug'),
    customProps: (request) => ({ request_id: request.id }),
    customErrorObject: (_request, _response, _error, { res, responseTime }: Record<string, unknown>) => ({
      res,
      responseTime,
    }),
    serializers: {
      req: (request: { method: string; url: string }) => ({
        method: request.method,
        path: request.url.split('?')[0],
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
  });

/** Parts of Nest that say a line for each module and route at every start. */
const CHATTY = new Set<unknown>([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
]);

/** Nest's own logging, and that of our classes, through the process's logger. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write(CHATTY.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes the name of the logging class as the last argument. */
  private write(level: Level, message: unknown, rest: unknown[]): void {
    const context = typeof rest.at(-1) === 'string' ? rest.pop() : undefined;
    if (message instanceof Error) this.logger[level]({ context, err: message }, message.message);
    else if (typeof message === 'object' && message !== null)
      this.logger[level]({ context, ...message }, typeof rest[0] === 'string' ? rest[0] : undefined);
    else this.logger[level]({ context, ...(rest.length > 0 && { details: rest }) }, String(message));
  }
}
