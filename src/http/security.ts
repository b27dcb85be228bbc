import type { IncomingMessage } from 'node:http';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { HttpConfig } from '../config/http.config.js';
import { problem, type Problem } from './problem.js';
import { sendProblem } from './send-problem.js';
import { requestIdOf } from './request-id.js';
import { onlyPlainTargets } from './request-target.js';

/** Headers, CORS and the checks of the address and the Host header. */
export function secure(app: NestExpressApplication, config: HttpConfig): void {
  app.disable('x-powered-by');
  app.use(securityHeaders(config.public_url.startsWith('https:')), onlyPlainTargets, onlyKnownHosts(config.hostNames));
  if (config.cors_origins.length > 0) {
    app.enableCors({
      origin: [...config.cors_origins],
      credentials: true,
      maxAge: 600,
      exposedHeaders: [
        ...['X-Request-Id', 'Location', 'ETag', 'Retry-After', 'Idempotency-Replayed'],
        ...['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'],
      ],
    });
  }
}

/** Swagger UI styles itself inline; nothing else is needed beyond our own origin. */
const securityHeaders = (https: boolean): RequestHandler =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: https,
  });

/** A page of another site may point its own name at this address (DNS rebinding); its requests carry that name. */
function onlyKnownHosts(names: ReadonlySet<string> | null): RequestHandler {
  if (names === null) return (_request, _response, next) => next();
  return (request, response: Response, next) => {
    if (isKnownHost(names, request)) next();
    else sendProblem(response, foreignHost(requestIdOf(request)));
  };
}

/** Whether the server goes by the name that the request gives it; null are all names. */
export const isKnownHost = (names: ReadonlySet<string> | null, { headers }: IncomingMessage): boolean =>
  names === null || names.has(hostName(headers.host ?? ''));

export const foreignHost = (requestId: string): Problem =>
  problem(
    421,
    'http/foreign-host',
    'This server does not answer for the host named. Add it to ALLOWED_HOSTS if it should.',
    requestId,
  );

/** The name in a Host header, without port and brackets. */
const hostName = (header: string): string =>
  header
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
