import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { AuthConfig } from './config/auth.config.js';
import { HttpConfig } from './config/http.config.js';
import type { Configuration } from './config/load.js';
import { RuntimeConfig } from './config/runtime.config.js';
import { readCookies } from './http/cookies.js';
import { withinDeadline } from './http/deadline.js';
import { jsonBody } from './http/json-body.js';
import { createLogger, createRequestLog, NestLog } from './http/log.js';
import { measured } from './http/measure.js';
import { noRoute } from './http/no-route.js';
import { serveDocument } from './http/openapi.js';
import { rememberOrigin } from './http/origin.js';
import { secure } from './http/security.js';
import { Metrics } from './metrics/metrics.js';
import { BoundedExpressAdapter } from './http/server.js';

/** Everything below it is the API; git's smart HTTP and the documents stand beside it. */
export const BASE_PATH = 'api/v1';

/** Routes of controllers that are not below it. */
const BESIDE_THE_API = [
  ...['metrics', 'git/{*path}', 'device', 'device/device.css', 'device/device.js'],
  ...['join.sh', 'downloads/miyabi.mjs'],
];

/**
 * The application as main, Lambda, the tests and the contract writer use it: initialized, but not listening.
 * The database must be migrated. Throws when the database cannot be reached.
 */
export async function createApp(configuration: Configuration): Promise<NestExpressApplication> {
  const http = configuration.get(HttpConfig);
  const logger = createLogger(configuration.get(RuntimeConfig));
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with(configuration),
    new BoundedExpressAdapter(http),
    { bodyParser: false, logger: new NestLog(logger), abortOnError: false },
  );
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('trust proxy', [...http.trusted_proxies]);
  app.setGlobalPrefix(BASE_PATH, { exclude: BESIDE_THE_API });
  app.use(createRequestLog(logger));
  const { requests } = app.get(Metrics);
  app.use(
    measured(({ method, route, status, seconds }) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    ),
  );
  secure(app, http);
  app.use(jsonBody(http.body_timeout_seconds), withinDeadline(http.answer_seconds), rememberOrigin);
  app.use('/api', readCookies(configuration.get(AuthConfig).jwt_secret, http.base_path));
  serveDocument(app);
  await app.init();
  app.use(noRoute);
  return app;
}
