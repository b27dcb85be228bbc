import { AsyncLocalStorage } from 'node:async_hooks';
import { DutiesService } from '../src/duties/duties.service.js';
import { WorkerWatchDuty } from '../src/workers/worker-watch.duty.js';
import { BY_HAND, Engine } from './engine.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let engine: Engine;

beforeAll(async () => {
  server = await startTestApp({ ...BY_HAND, WORKER_WATCH_SECONDS: '600' });
  ada = await signInPerson(server);
  engine = new Engine(server, ada);
  await engine.endGrace();
});
beforeEach(endGrace);
afterAll(() => server.close());

const watch = (): Promise<void> => server.app.get(DutiesService).runOnce(server.app.get(WorkerWatchDuty));

/** The first watch of a new database finds a gap before it, in which silences are passed over. */
async function endGrace(): Promise<void> {
  await watch();
  await server.sql.query('update duty_runs set grace_until = null');
}

/** Looks at a worker that has been silent for exactly so long: the time of a transaction stands still. */
const watchAfter = (worker: TestWorker, seconds: string): Promise<void> =>
  server.database.transaction(async () => {
    await server.database.query(
      `update worker_liveness set last_heartbeat = now() - $2::interval, lost_at = lost_at - $2::interval
       where worker_id = $1`,
      [worker.id, `${seconds} s`],
    );
    await server.app.get(WorkerWatchDuty).runOnce();
  });

interface Told {
  type: string;
  subject: { worker_id?: string };
  data: Record<string, unknown>;
}

/** What events have told of a worker, but for its registration. */
async function toldOf(worker: TestWorker): Promise<Told[]> {
  const all: Told[] = [];
  for (let after = '0'; ;) {
    const types = 'types=worker.health_changed&types=worker.lost';
    const { body } = await ada.get(`/events?${types}&limit=100&after=${after}`);
    const items = body.items as Told[];
    all.push(...items);
    after = String(body['next_cursor']);
    if (items.length === 0) return all.filter(({ subject }) => subject.worker_id === worker.id);
  }
}

const wordOf = ({ type, data: { before, after, status } }: Told): string =>
  type === 'worker.lost' ? 'lost' : `${String(before)} > ${String(after)}, ${String(status)}`;

const wordsOf = async (worker: TestWorker): Promise<string[]> => (await toldOf(worker)).map(wordOf);

/** A worker that has been in contact; that has been told. */
async function healthy(description: object = {}): Promise<TestWorker> {
  const worker = await registerWorker(server, description, ada.token);
  await worker.beat([]);
  await watch();
  expect(await wordsOf(worker)).toEqual(['unknown > healthy, active']);
  return worker;
}

describe('events about workers', () => {
  it('do not call lost who has said that it ends: it is stopped at once, and back when it registers', async () => {
    const name = 'orderly';
    const worker = await healthy({ name });
    await worker.post(`/workers/${worker.id}/heartbeat`, { stop: { note: 'The night is over.' } });
    const look = async () => (await ada.get(`/workers/${worker.id}`)).body;
    expect(await look()).toMatchObject({ status: 'stopped', health: 'unhealthy', note: 'The night is over.' });
    const words = ['unknown > healthy, active', 'healthy > unhealthy, stopped'];
    expect(await wordsOf(worker)).toEqual(words);
    for (const seconds of ['60', '301', '86400']) await watchAfter(worker, seconds);
    expect(await wordsOf(worker)).toEqual(words);
    const task = await ada.task();
    const { reasons } = (await ada.get(`/tasks/${task}/explain`)).body as { reasons: { code: string }[] };
    expect(reasons.map(({ code }) => code)).toContain('no-live-worker');
    // Late words change nothing, and nothing is given to it.
    expect((await worker.beat([])).body).toMatchObject({ desired_status: 'stopped' });
    expect(await worker.claim()).toEqual([]);
    // Its name is free without asking for it.
    const back = await registerWorker(server, { name }, ada.token);
    expect(back.id).toBe(worker.id);
    expect(await look()).toMatchObject({ status: 'active', note: null });
    const [claimed] = await back.claim();
    expect(claimed?.task_id).toBe(task);
    await back.finish(String(claimed?.execution_id), { outcome: 'completed' });
  });

  it('leave a pause to who ends in order meanwhile', async () => {
    const name = 'paused and gone';
    const worker = await healthy({ name });
    const pause = { note: 'No work at night', until: new Date(Date.now() + 3_600_000).toISOString() };
    await ada.post(`/workers/${worker.id}/pause`, pause);
    await worker.post(`/workers/${worker.id}/heartbeat`, { stop: { note: 'A new version.' } });
    const look = async () => (await ada.get(`/workers/${worker.id}`)).body;
    expect(await look()).toMatchObject({ status: 'stopped', note: 'No work at night' });
    await registerWorker(server, { name }, ada.token);
    expect(await look()).toMatchObject({ status: 'paused', note: 'No work at night', paused_until: pause.until });
  });

  it('tell of a silence at 60 and at 300 seconds, exactly and once, and of the return', async () => {
    const worker = await healthy();
    const said: [string, string[]][] = [];
    let known = 1;
    for (const seconds of ['59.999', '60', '299.999', '300', '86400', '0']) {
      await watchAfter(worker, seconds);
      await watchAfter(worker, seconds);
      const words = await wordsOf(worker);
      said.push([seconds, words.slice(known)]);
      known = words.length;
    }
    expect(said).toEqual([
      ['59.999', []],
      ['60', ['healthy > degraded, active']],
      ['299.999', []],
      ['300', ['degraded > unhealthy, active', 'lost']],
      ['86400', []],
      ['0', ['unhealthy > healthy, active']],
    ]);
    const lost = (await toldOf(worker)).find(({ type }) => type === 'worker.lost');
    expect(lost).toMatchObject({
      subject: { worker_id: worker.id },
      data: { silent_seconds: 300, status: 'active', last_heartbeat: expect.any(String) as string },
    });
    figure(4, 'events about a silence of', said.map(([seconds, words]) => `${seconds} s: ${words.length}`).join(', '));
  });

  it('tell of one that is lost when its work has been taken from it, and again after it came back', async () => {
    const worker = await healthy({ labels: ['taken'] });
    const lose = async (): Promise<void> => {
      const { execution_id } = await engine.running(worker, { required_labels: ['taken'], max_retries: 0 });
      await engine.lose(execution_id);
    };
    await lose();
    await watchAfter(worker, '0');
    // It has been heard of since: what it lost was not its silence's.
    await worker.beat([]);
    await watchAfter(worker, '65');
    expect(await wordsOf(worker)).toEqual(['unknown > healthy, active', 'healthy > degraded, active']);
    await worker.beat([]);
    await watch();
    for (let round = 0; round < 2; round += 1) {
      const before = (await wordsOf(worker)).length;
      await lose();
      await server.sql.query(
        `update worker_liveness set last_heartbeat = now() - interval '70 s' where worker_id = $1`,
        [worker.id],
      );
      await watch();
      expect((await wordsOf(worker)).slice(before)).toEqual(['healthy > degraded, active', 'lost']);
      await worker.beat([]);
      await watch();
    }
  });

  it('tell of a disk that is full, each time once', async () => {
    const worker = await healthy();
    const full = { disk_usage: 99.5, disk_free_bytes: 1024, disk_low: true };
    const lowTold = async (): Promise<Told[]> => {
      const { body } = await ada.get(`/events?types=disk.low&limit=100`);
      return (body.items as Told[]).filter(({ subject }) => subject.worker_id === worker.id);
    };
    const counts: number[] = [];
    // What it does not speak of is as it was.
    for (const metrics of [{ ...full, disk_low: false }, full, full, undefined, { disk_low: false }, full]) {
      const { status } = await worker.post(`/workers/${worker.id}/heartbeat`, { metrics });
      expect(status).toBe(200);
      await watch();
      counts.push((await lowTold()).length);
    }
    expect(counts).toEqual([0, 1, 1, 1, 1, 2]);
    const { body } = await ada.get(`/workers/${worker.id}`);
    expect((await lowTold())[0]?.data).toEqual({ name: body['name'], disk_usage: 99.5, disk_free_bytes: 1024 });
    expect(body['metrics']).toEqual(full);
    expect(await wordsOf(worker)).toEqual(['unknown > healthy, active']);
    await registerWorker(server, { name: body['name'], replace: true }, ada.token);
    await watch();
    expect(await lowTold()).toHaveLength(2);
  });

  it('tell at once of what people do to its health', async () => {
    const worker = await healthy();
    await ada.post(`/workers/${worker.id}/pause`, {});
    await ada.post(`/workers/${worker.id}/resume`, {});
    await ada.post(`/workers/${worker.id}/drain`, {});
    expect((await wordsOf(worker)).slice(1)).toEqual([
      'healthy > unhealthy, paused',
      'unhealthy > healthy, active',
      'healthy > unhealthy, stopped',
    ]);
    // One that has stopped is silent because it was to be.
    await watchAfter(worker, '4000');
    expect(await wordsOf(worker)).toHaveLength(4);
  });

  it('tell that a pause is over, which also frees the row of its note', async () => {
    const worker = await healthy();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await ada.post(`/workers/${worker.id}/pause`, { note: 'soon over', until });
    await server.sql.query('update worker_liveness set rests_until = now() where worker_id = $1', [worker.id]);
    await watch();
    expect((await wordsOf(worker)).at(-1)).toBe('unhealthy > healthy, active');
    const { rows } = await server.sql.query(
      `select status, note, rests_until from workers join worker_liveness on worker_id = id where id = $1`,
      [worker.id],
    );
    expect(rows).toEqual([{ status: 'active', note: null, rests_until: null }]);
  });

  it('are none about a worker of the instance, whose health is nobody’s in particular', async () => {
    const worker = await registerWorker(server);
    for (const seconds of ['0', '400']) await watchAfter(worker, seconds);
    expect(await wordsOf(worker)).toEqual([]);
  });

  it('pass over silences when nobody could reach the server, and tell of them when they last', async () => {
    const worker = await healthy();
    await server.sql.query(`update duty_runs set last_success_at = now() - interval '2 hours'`);
    await watchAfter(worker, '400');
    expect(await wordsOf(worker)).toHaveLength(1);
    await endGrace();
    await watchAfter(worker, '400');
    expect((await wordsOf(worker)).slice(1)).toEqual(['healthy > unhealthy, active', 'lost']);
  });
});

describe('watching workers', () => {
  it('is one statement while there is nothing to tell', async () => {
    await watch();
    const { database } = server;
    const asked: string[] = [];
    // Others ask at the same time.
    const watching = new AsyncLocalStorage<string[]>();
    const { query } = database;
    database.query = ((sql: string, parameters?: readonly unknown[]) => {
      watching.getStore()?.push(sql);
      return query.call(database, sql, parameters);
    }) as typeof database.query;
    try {
      await watching.run(asked, () => server.app.get(WorkerWatchDuty).runOnce());
    } finally {
      Reflect.deleteProperty(database, 'query');
    }
    expect(asked).toHaveLength(1);
  });
});
