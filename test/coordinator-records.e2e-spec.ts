import { CoordinatorMetricsDuty } from '../src/coordinators/coordinator-metrics.duty.js';
import { CoordinatorWatchDuty } from '../src/coordinators/coordinator-watch.duty.js';
import { CoordinatorsStore } from '../src/coordinators/coordinators.store.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { Coordinators, codeOf, type Registered, type Shown } from './a-coordinator.js';
import { readAudit } from './audit-entries.js';
import { BY_HAND } from './engine.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { caller } from './memberships.js';
import { REGISTRATION_KEY, startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
/** The first of all, who administers the instance. */
let root: TestPerson;
let ada: TestPerson;
let bob: TestPerson;
let coordinators: Coordinators;

beforeAll(async () => {
  server = await startTestApp({ ...BY_HAND, WORKER_WATCH_SECONDS: '600' });
  root = await signInPerson(server);
  ada = await signInPerson(server);
  bob = await signInPerson(server);
  coordinators = new Coordinators(server, ada);
  await endGrace();
});
afterAll(() => server.close());

const watch = (): Promise<void> => server.app.get(DutiesService).runOnce(server.app.get(CoordinatorWatchDuty));

/** Has it report, as if that had been so long ago. */
async function reportHoursAgo(one: Registered, cpu_usage: number, hours: number): Promise<void> {
  await coordinators.beat(one, { metrics: { cpu_usage } }).expect(200);
  await server.sql.query(
    `update coordinator_metrics set recorded_at = now() - $2 * interval '1 hour'
     where coordinator_id = $1 and (metrics->>'cpu_usage')::float8 = $3`,
    [one.coordinator.id, hours, cpu_usage],
  );
}

/** The first watch of a new database finds a gap before it, in which silences are passed over. */
async function endGrace(): Promise<void> {
  await watch();
  await server.sql.query('update duty_runs set grace_until = null');
}

describe('a coordinator', () => {
  it('has its figures read over time, the latest first, from a time on and page by page', async () => {
    const one = await coordinators.register();
    for (const cpu_usage of [1, 2, 3]) await reportHoursAgo(one, cpu_usage, 4 - cpu_usage);
    await coordinators.beat(one).expect(200);
    const path = `/coordinators/${one.coordinator.id}/metrics`;
    const usage = (body: { items?: unknown }) => (body.items as { cpu_usage: number }[]).map((item) => item.cpu_usage);
    const all = (await ada.get(path)).body;
    expect(usage(all)).toEqual([3, 2, 1]);
    expect((all.items as object[])[0]).toEqual({
      recorded_at: expect.any(String) as string,
      cpu_usage: 3,
      memory_usage: null,
      disk_usage: null,
      network_latency_ms: null,
      uptime_seconds: null,
    });
    const since = new Date(Date.now() - 2.5 * 3_600_000).toISOString();
    expect(usage((await ada.get(`${path}?since=${since}`)).body)).toEqual([3, 2]);
    const first = (await ada.get(`${path}?limit=2`)).body;
    expect(usage(first)).toEqual([3, 2]);
    expect(usage((await ada.get(`${path}?limit=2&cursor=${String(first['next_cursor'])}`)).body)).toEqual([1]);
  });

  it('has its figures of more than a week ago removed', async () => {
    const one = await coordinators.register();
    for (const days of [7.1, 6.9]) await reportHoursAgo(one, days, days * 24);
    await server.app.get(DutiesService).runOnce(server.app.get(CoordinatorMetricsDuty));
    const { body } = await ada.get(`/coordinators/${one.coordinator.id}/metrics`);
    expect(body.items).toMatchObject([{ cpu_usage: 6.9 }]);
  });

  it('that beats in a hurry fills no table: its last figures are shown, those of one beat in a while are kept', async () => {
    const one = await coordinators.register();
    const report = (cpu_usage: number) => coordinators.beat(one, { metrics: { cpu_usage } }).expect(200);
    await Promise.all(Array.from({ length: 20 }, () => report(1)));
    await report(2);
    const path = `/coordinators/${one.coordinator.id}`;
    expect((await ada.get(path)).body).toMatchObject({ metrics: { cpu_usage: 2 } });
    expect((await ada.get(`${path}/metrics`)).body.items).toMatchObject([{ cpu_usage: 1 }]);
    // One that beats a little before its time is not in a hurry.
    await server.sql.query(
      'update coordinator_metrics set recorded_at = now() - make_interval(secs => $2) where coordinator_id = $1',
      [one.coordinator.id, one.heartbeat_seconds * 0.8],
    );
    await report(3);
    expect((await ada.get(`${path}/metrics`)).body.items).toMatchObject([{ cpu_usage: 3 }, { cpu_usage: 1 }]);
  });

  it('is renamed and described anew, but not by a name that is taken', async () => {
    const [one, other] = [
      await coordinators.register({ capacity: 4, labels: ['gpu'] }),
      await coordinators.register({ name: 'taken' }),
    ];
    const path = `/coordinators/${one.coordinator.id}`;
    expect((await ada.patch(path, { name: 'renamed', capacity: 8 })).body).toMatchObject({
      name: 'renamed',
      capacity: 8,
      labels: ['gpu'],
    });
    expect((await ada.patch(path, { capacity: null, labels: [] })).body).toMatchObject({
      name: 'renamed',
      capacity: null,
      labels: [],
    });
    expect(await codeOf(ada.patch(path, { name: 'taken' }))).toBe('409 coordinator/name-taken');
    await coordinators.beat(one).expect(200);
    await coordinators.beat(other).expect(200);
  });

  it('is deleted with its token, and its workers go on without it', async () => {
    const one = await coordinators.register();
    const worker = await registerWorker(server, {}, one.token);
    expect((await ada.delete(`/coordinators/${one.coordinator.id}`)).status).toBe(204);
    expect(await codeOf(coordinators.beat(one))).toBe('401 auth/coordinator-deleted');
    expect((await ada.get(`/coordinators/${one.coordinator.id}`)).status).toBe(404);
    expect((await ada.get(`/workers/${worker.id}`)).body).toMatchObject({ coordinator_id: null, status: 'active' });
    expect((await worker.beat([])).status).toBe(200);
  });

  it('is not there for other organizations', async () => {
    const one = await coordinators.register();
    const path = `/coordinators/${one.coordinator.id}`;
    const answers = await Promise.all([
      ...['', '/workers', '/metrics'].map((part) => bob.get(path + part)),
      bob.post(`${path}/drain`, {}),
      bob.patch(path, { name: 'mine' }),
      bob.delete(path),
    ]);
    expect(answers.map(({ status, body }) => `${String(status)} ${String(body['code'])}`)).toEqual(
      answers.map(() => '404 coordinator/not-found'),
    );
    const { body } = await bob.get('/coordinators?limit=100');
    expect((body.items as Shown[]).map(({ id }) => id)).not.toContain(one.coordinator.id);
  });

  it('of the instance is seen by everybody and managed by no organization', async () => {
    const one = await coordinators.register({ scope: 'instance' }, REGISTRATION_KEY);
    expect(await codeOf(caller(server, REGISTRATION_KEY).post('coordinators', { name: 'x', host: 'h' }))).toBe(
      '400 coordinator/scope-needs-organization',
    );
    expect(await codeOf(ada.post('/coordinators', { name: 'x', host: 'h', scope: 'instance' }))).toBe(
      '403 coordinator/scope-not-allowed',
    );
    const worker = await registerWorker(server, { scope: 'instance' }, one.token);
    for (const person of [ada, bob]) {
      const { body } = await person.get(`/coordinators/${one.coordinator.id}`);
      expect(body).toMatchObject({ scope: 'instance', workers: { total: 1 } });
      expect(await codeOf(person.post(`/coordinators/${one.coordinator.id}/drain`, {}))).toBe(
        '403 coordinator/of-the-instance',
      );
    }
    const { body } = await caller(server, one.token).post(`coordinators/${one.coordinator.id}/drain`, {}).expect(200);
    expect(body).toMatchObject({ status: 'stopped' });
    const renamed = await root.patch(`/coordinators/${one.coordinator.id}`, { name: 'of the instance' });
    expect(renamed.body).toMatchObject({ name: 'of the instance' });
    expect((await ada.get(`/workers/${worker.id}`)).body).toMatchObject({ status: 'stopped' });
  });

  it('is listed by status and health, whose bounds are those of workers', async () => {
    const one = await coordinators.register();
    const listed = async (query: string) =>
      ((await ada.get(`/coordinators?limit=100&${query}`)).body.items as Shown[]).some(
        ({ id }) => id === one.coordinator.id,
      );
    expect([await listed('health=unknown&status=active'), await listed('status=draining')]).toEqual([true, false]);
    const healthAfter = (seconds: string) =>
      server.database.transaction(async () => {
        const [row] = await server.database.query<{ id: string }>(
          `update coordinators set last_heartbeat = now() - $2::interval where id = $1 returning id`,
          [one.coordinator.id, `${seconds} s`],
        );
        const store = server.app.get(CoordinatorsStore);
        return (await store.findById(row!.id))?.health;
      });
    const found: unknown[] = [];
    for (const seconds of ['59.999', '60', '299.999', '300']) found.push(await healthAfter(seconds));
    expect(found).toEqual(['healthy', 'degraded', 'degraded', 'unhealthy']);
  });

  it('is remembered in the audit log with who did it', async () => {
    const one = await coordinators.register({ name: 'audited' });
    const path = `/coordinators/${one.coordinator.id}`;
    await ada.patch(path, { name: 'audited anew' });
    await caller(server, one.token).post(`coordinators/${one.coordinator.id}/drain`, {}).expect(200);
    await ada.delete(path);
    const { items } = await readAudit(server, ada.token, `limit=100&subject=${one.coordinator.id}`);
    expect(items.map(({ action, actor }) => `${action} by ${actor.type}`)).toEqual([
      'coordinator.deleted by user',
      'coordinator.drained by coordinator',
      'coordinator.updated by user',
      'coordinator.registered by user',
    ]);
    expect(JSON.stringify(items)).not.toContain(one.token);
  });
});

describe('events about coordinators', () => {
  const toldOf = async ({ coordinator }: Registered): Promise<string[]> => {
    const types = ['registered', 'health_changed', 'lost'].map((what) => `types=coordinator.${what}`).join('&');
    const said: string[] = [];
    for (let after = '0'; ;) {
      const { body } = await ada.get(`/events?${types}&limit=100&after=${after}`);
      const items = body.items as { type: string; subject: { coordinator_id: string }; data: Record<string, string> }[];
      if (items.length === 0) return said;
      after = String(body['next_cursor']);
      for (const { type, subject, data } of items)
        if (subject.coordinator_id === coordinator.id)
          said.push(type === 'coordinator.health_changed' ? `${data['before']} > ${data['after']}` : type.slice(12));
    }
  };
  const watchAfter = async ({ coordinator }: Registered, seconds: number): Promise<void> => {
    await server.sql.query('update coordinators set last_heartbeat = now() - make_interval(secs => $2) where id = $1', [
      coordinator.id,
      seconds,
    ]);
    await watch();
  };

  it('tell of its coming, its silences, its loss once, and its return', async () => {
    const one = await coordinators.register();
    await coordinators.beat(one).expect(200);
    for (const seconds of [0, 70, 400, 500, 0]) await watchAfter(one, seconds);
    expect(await toldOf(one)).toEqual([
      'registered',
      'unknown > healthy',
      'healthy > degraded',
      'degraded > unhealthy',
      'lost',
      'unhealthy > healthy',
    ]);
    await ada.post(`/coordinators/${one.coordinator.id}/drain`, {});
    // One that has stopped is silent because it was to be.
    await watchAfter(one, 4000);
    expect((await toldOf(one)).slice(6)).toEqual(['healthy > unhealthy']);
  });

  it('pass over silences when nobody could reach the server', async () => {
    const one = await coordinators.register();
    await coordinators.beat(one).expect(200);
    await watch();
    await server.sql.query(`update duty_runs set last_success_at = now() - interval '2 hours'`);
    await watchAfter(one, 400);
    expect(await toldOf(one)).toEqual(['registered', 'unknown > healthy']);
    await endGrace();
    await watchAfter(one, 400);
    expect((await toldOf(one)).slice(2)).toEqual(['healthy > unhealthy', 'lost']);
  });
});
