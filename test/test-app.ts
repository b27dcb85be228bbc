import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NestExpressApplication } from '@nestjs/platform-express';
import pg from 'pg';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { AuthConfig } from '../src/config/auth.config.js';
import { loadServerConfiguration } from '../src/config/config.module.js';
import type { Environment } from '../src/config/load.js';
import { Database } from '../src/database/database.js';
import { createDatabase, type TestDatabase } from './test-database.js';

/** A key with which workers of every organization may register in tests. */
export const REGISTRATION_KEY = 'myk_TESTtestTESTtestTESTtestTESTtestTESTtest1J1apm';

export interface TestApp {
  app: NestExpressApplication;
  /** Address of the listening server, without a path. */
  url: string;
  /** supertest against the listening server. */
  request: ReturnType<typeof supertest>;
  database: Database;
  /** A connection of the test's own, outside of the application's pool. */
  sql: pg.Client;
  databaseUrl: string;
  close(): Promise<void>;
}

/** Tests sign in far more often than people do; those about the limits set their own. */
export const NO_LIMITS: Environment = {
  SIGN_IN_LIMIT_PER_ADDRESS: '0',
  SIGN_IN_LIMIT_PER_ACCOUNT: '0',
  REFRESH_LIMIT_PER_ADDRESS: '0',
  REFRESH_LIMIT_PER_TOKEN: '0',
  DEVICE_POLL_LIMIT_PER_ADDRESS: '0',
  WRONG_CODE_LIMIT_PER_ACCOUNT: '0',
};

/** A machine that is busy with other tests is no fault: only tests of these limits have them, by `IN_TIME`. */
const PATIENT: Environment = {
  ANSWER_SECONDS: '50',
  DATABASE_ACQUIRE_TIMEOUT_MS: '40000',
  DATABASE_STATEMENT_TIMEOUT_MS: '40000',
};

/** The limits of the answer's time as a server has them that is told nothing about them. */
export const IN_TIME: Environment = Object.fromEntries(Object.keys(PATIENT).map((name) => [name, undefined]));

/** The environment a test server runs with; `overrides` win. */
export const testEnvironment = (databaseUrl: string, overrides: Environment = {}): Environment => ({
  NODE_ENV: 'test',
  HOST: '127.0.0.1',
  PORT: '0',
  DATABASE_URL: databaseUrl,
  JWT_SECRET: randomBytes(32).toString('base64'),
  MOCK_LOGIN: 'on',
  // One beat after the other need not wait for company that does not come.
  HEARTBEAT_GATHER_SECONDS: '0.005',
  WORKER_REGISTRATION_KEY: REGISTRATION_KEY,
  ...NO_LIMITS,
  ...PATIENT,
  LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
  ...overrides,
});

/** The application itself, guard and all, listening on a free port over a database of its own. */
export async function startTestApp(overrides: Environment = {}, beside?: TestApp): Promise<TestApp> {
  // A second process of the same system works on the database of the first, with the same secret.
  const own: TestDatabase = beside
    ? { url: beside.databaseUrl, drop: () => Promise.resolve() }
    : await createDatabase();
  const same = beside ? { JWT_SECRET: beside.app.get(AuthConfig).jwt_secret } : {};
  const app = await createApp(loadServerConfiguration(testEnvironment(own.url, { ...same, ...overrides })));
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const url = `http://127.0.0.1:${String(port)}`;
  const sql = new pg.Client({ connectionString: own.url });
  await sql.connect();
  return {
    app,
    url,
    request: supertest(url),
    database: app.get(Database),
    sql,
    databaseUrl: own.url,
    close: async () => {
      await sql.end();
      (app.getHttpServer() as Server).closeAllConnections();
      await app.close();
      await own.drop();
    },
  };
}
