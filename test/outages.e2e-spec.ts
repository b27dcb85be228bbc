import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { startPostgres, type PostgresServer } from '../scripts/postgres/server.mjs';
import { migrate } from '../src/database/migrate.js';
import { AcknowledgedLoad } from './acknowledged-load.js';
import { eventually } from './eventually.js';
import { FaultyNetwork } from './faulty-network.js';
import { figure, progress } from './figures.js';
import { ask } from './person.js';
import { PATIENCE_MS, size } from './scale.js';
import { ServerProcess } from './server-process.js';
import { IN_TIME, REGISTRATION_KEY, testEnvironment } from './test-app.js';

const ENDED = size({ full: 100, short: 4 });
// What these do once is in `database-loss.e2e-spec.ts`.
const STOPPED = size({ full: 20, short: 0 });
const SWALLOWED = size({ full: 10, short: 0 });
const PEOPLE = 4;
/** Promises, in milliseconds. A test beside many others knows only that nothing hangs. */
const ANSWER_MS = size({ full: 5000, short: 30_000 });
const RECOVERY_MS = size({ full: 5000, short: 30_000 });
/** Rounds within which a database that does not write what it acknowledges must have lost something. */
const CONTROL_ROUNDS = 10;

let directory: string;
let postgres: PostgresServer;
let network: FaultyNetwork;
let server: ServerProcess;
let url: string;
let person: string;
let worker: { id: string; token: string };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'outages-'));
  // Root runs the server as another account, which must be able to pass.
  chmodSync(directory, 0o711);
  postgres = await startPostgres({ dataDirectory: join(directory, 'data') });
  await migrate(postgres.url);
  const through = await FaultyNetwork.before(postgres.url);
  network = through.network;
  server = new ServerProcess(testEnvironment(through.url, { ...IN_TIME, DATABASE_POOL_MAX: '20' }));
  url = await server.url();
  person = String(
    (await ask(url, '', 'POST', '/auth/mock', { github_id: 1, email: 'a@example.org' })).body['access_token'],
  );
  const description = { name: 'w', scope: 'instance', capacity: 100 };
  const { body } = await ask(url, REGISTRATION_KEY, 'POST', '/workers', description);
  worker = { id: (body['worker'] as { id: string }).id, token: String(body['token']) };
}, PATIENCE_MS);
afterAll(async () => {
  network.close();
  await server.kill();
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Asks the database itself, not through the server. */
async function inDatabase<T>(work: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client({ connectionString: postgres.url });
  await sql.connect();
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** How long it takes from now until the server says that it is healthy, and takes a task. */
async function recovery(): Promise<number> {
  const began = performance.now();
  const health = async () => (await ask(url, person, 'GET', '/health')).status;
  await eventually('the server is healthy', async () => (await health()) === 200);
  const create = async () => (await ask(url, person, 'POST', '/tasks', { name: 'back', agent_type: 'note' })).status;
  await eventually('the server takes tasks', async () => (await create()) === 201);
  return performance.now() - began;
}

async function stopAtOnce(): Promise<void> {
  process.kill(postgres.pid, 'SIGQUIT');
  await postgres.ended;
}

async function startAgain(): Promise<void> {
  postgres = await startPostgres({ dataDirectory: join(directory, 'data'), port: postgres.port });
}

interface Outage {
  what: string;
  rounds: number;
  /** Brings it about, lets the load feel it, and mends it. */
  once: (load: AcknowledgedLoad) => Promise<void>;
}

const moreAnswers = async (load: AcknowledgedLoad, more: number): Promise<void> => {
  const before = load.count;
  await eventually('more is answered', () => load.count >= before + more);
};

const isFelt = async (load: AcknowledgedLoad, times: number): Promise<void> => {
  const before = load.unavailable;
  await eventually('the load is told that the database is away', () => load.unavailable >= before + times);
};

const OUTAGES: Outage[] = [
  {
    what: 'all backends ended',
    rounds: ENDED,
    once: async (load) => {
      await inDatabase((sql) =>
        sql.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
        ),
      );
      await moreAnswers(load, 5);
    },
  },
  {
    what: 'PostgreSQL stopped at once and started',
    rounds: STOPPED,
    once: async (load) => {
      await stopAtOnce();
      await isFelt(load, 5);
      await startAgain();
    },
  },
  {
    what: 'packets swallowed without a word',
    rounds: SWALLOWED,
    once: async (load) => {
      network.block();
      await isFelt(load, PEOPLE + 1);
      network.forget();
    },
  },
];

it.each(OUTAGES.filter(({ rounds }) => rounds > 0))(
  'goes on through an outage: $what',
  async ({ what, rounds, once }) => {
    const load = new AcknowledgedLoad({ url, person, worker });
    load.start(PEOPLE);
    const step = progress(what, rounds);
    let slowestRecovery = 0;
    for (let round = 0; round < rounds; round += 1) {
      await moreAnswers(load, 20);
      await once(load);
      slowestRecovery = Math.max(slowestRecovery, await recovery());
      step();
    }
    await load.stop();
    const lost = await inDatabase((sql) => load.lost(sql));
    const told = load.created.size + load.completed.size;
    figure(8, `${what}: acknowledged writes lost`, lost.created + lost.completed, 'of', told, `in ${rounds} outages`);
    figure(8, `${what}: answers`, [...load.answers].map(([kind, count]) => `${count} × ${kind}`).join(', '));
    const times = [load.slowestMs, slowestRecovery].map((ms) => `${Math.round(ms)} ms`);
    figure(8, `${what}: slowest answer / back to healthy, with writes`, times.join(' / '));
    expect({ lost, faults: load.faults, stays: server.running }).toEqual({
      lost: { created: 0, completed: 0 },
      faults: [],
      stays: true,
    });
    expect(told).toBeGreaterThan(rounds);
    expect(load.slowestMs).toBeLessThan(ANSWER_MS);
    expect(slowestRecovery).toBeLessThan(RECOVERY_MS);
  },
  PATIENCE_MS,
);

it(
  'a database that acknowledges before it has written loses what the ledger knows: this would be seen',
  async () => {
    await inDatabase(async (sql) => {
      await sql.query('alter system set synchronous_commit = off');
      await sql.query("alter system set wal_writer_delay = '10s'");
      await sql.query("alter system set wal_writer_flush_after = '1GB'");
      await sql.query('select pg_reload_conf()');
    });
    let found = 0;
    for (let round = 0; found === 0 && round < CONTROL_ROUNDS; round += 1) {
      const load = new AcknowledgedLoad({ url, person, worker });
      load.start(PEOPLE);
      await eventually('something is acknowledged', () => load.created.size > 50);
      await stopAtOnce();
      await load.stop();
      await startAgain();
      await recovery();
      const { created, completed } = await inDatabase((sql) => load.lost(sql));
      found = created + completed;
    }
    figure(8, 'control: acknowledged writes lost where commits are not written at once', found);
    expect(found).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);
