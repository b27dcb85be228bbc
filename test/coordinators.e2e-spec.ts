import { Coordinators, codeOf } from './a-coordinator.js';
import { BY_HAND } from './engine.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { caller } from './memberships.js';
import { REGISTRATION_KEY, startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let bob: TestPerson;
let coordinators: Coordinators;

beforeAll(async () => {
  server = await startTestApp(BY_HAND);
  ada = await signInPerson(server);
  bob = await signInPerson(server);
  coordinators = new Coordinators(server, ada);
});
afterAll(() => server.close());

describe('a coordinator', () => {
  it('registers with a token of its own, and shows null for what was never reported', async () => {
    const { coordinator, token, heartbeat_seconds } = await coordinators.register({ name: 'first', host: 'build-7' });
    expect(token).toMatch(/^myc_[0-9A-Za-z]{46}$/);
    expect(heartbeat_seconds).toBeGreaterThan(0);
    expect(coordinator).toEqual({
      id: expect.any(String) as string,
      scope: 'organization',
      name: 'first',
      host: 'build-7',
      status: 'active',
      health: 'unknown',
      capacity: null,
      labels: [],
      workers: { total: 0, active: 0, healthy: 0 },
      active_tasks: 0,
      completed_tasks: 0,
      failed_tasks: 0,
      metrics: null,
      last_heartbeat: null,
      note: null,
      registered_at: expect.any(String) as string,
    });
    const { rows } = await server.sql.query('select * from access_keys where coordinator_id = $1', [coordinator.id]);
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('comes back under its name with 200 and another token; a live one is replaced only where that is said', async () => {
    const first = await coordinators.register({ name: 'phoenix', capacity: 4, labels: ['gpu'] });
    await coordinators.beat(first).expect(200);
    expect(await codeOf(caller(server, ada.token).post('coordinators', { name: 'phoenix', host: 'h' }))).toBe(
      '409 coordinator/name-taken',
    );
    const second = await coordinators.register({ name: 'phoenix', replace: true }, ada.token, 200);
    expect(second.coordinator).toMatchObject({ id: first.coordinator.id, capacity: 4, labels: ['gpu'] });
    expect(await codeOf(coordinators.beat(first))).toBe('401 auth/key-revoked');
    await coordinators.beat(second).expect(200);
    // One that has been silent for longer than a lease is not alive.
    await server.sql.query(`update coordinators set last_heartbeat = now() - interval '1 hour' where id = $1`, [
      first.coordinator.id,
    ]);
    await coordinators.register({ name: 'phoenix' }, ada.token, 200);
  });

  it('reports its host, and is told when to come again and what it is to be', async () => {
    const one = await coordinators.register();
    const metrics = { cpu_usage: 12.5, memory_usage: 40, disk_usage: 71, network_latency_ms: 3.25, uptime_seconds: 60 };
    const { body } = await coordinators.beat(one, { metrics, novelty: 1 }).expect(200);
    expect(body).toEqual({
      server_time: expect.any(String) as string,
      next_heartbeat_seconds: one.heartbeat_seconds,
      desired_status: 'active',
      note: null,
    });
    expect(await coordinators.read(one)).toMatchObject({
      health: 'healthy',
      metrics,
      last_heartbeat: expect.any(String) as string,
    });
    // A beat that says nothing of them leaves them.
    await coordinators.beat(one).expect(200);
    expect(await coordinators.read(one)).toMatchObject({ metrics });
    for (const wrong of [{ cpu_usage: 101 }, { network_latency_ms: -1 }, { uptime_seconds: '1' }])
      await coordinators.beat(one, { metrics: wrong }).expect(400);
  });

  it('may beat, drain itself and register its workers with its token, and nothing else', async () => {
    const [one, other] = [await coordinators.register(), await coordinators.register()];
    const own = caller(server, one.token);
    expect(await codeOf(own.post(`coordinators/${other.coordinator.id}/heartbeat`, {}))).toBe(
      '404 coordinator/not-found',
    );
    expect(await codeOf(own.post(`coordinators/${other.coordinator.id}/drain`, {}))).toBe('404 coordinator/not-found');
    for (const path of ['coordinators', `coordinators/${one.coordinator.id}`, 'workers', 'tasks', 'auth/me'])
      expect([path, await codeOf(own.get(path))]).toEqual([path, '403 auth/forbidden']);
    // It is itself, whatever it says, and alive.
    expect(await codeOf(own.post('coordinators', { name: 'x', host: 'h' }))).toBe('409 coordinator/name-taken');
    expect(await codeOf(own.post('tasks', { name: 'x' }))).toBe('403 auth/forbidden');
    expect(await codeOf(caller(server, ada.token).post(`coordinators/${one.coordinator.id}/heartbeat`, {}))).toBe(
      '403 auth/forbidden',
    );
    const named = { coordinator_id: other.coordinator.id };
    expect(await codeOf(own.post('workers', { name: 'foreign', ...named }))).toBe('403 worker/not-its-coordinator');
    await own.post(`coordinators/${one.coordinator.id}/drain`, {}).expect(200);
  });

  it('has the workers it registered, and counts them and what they do', async () => {
    const one = await coordinators.register();
    const worker = await registerWorker(server, { name: 'counted', labels: ['counted'] }, one.token);
    const paused = await registerWorker(server, { coordinator_id: one.coordinator.id }, ada.token);
    await ada.post(`/workers/${paused.id}/pause`, {});
    await worker.beat([]);
    await paused.beat([]);
    for (const outcome of ['completed', 'failed', null]) {
      await ada.task({ required_labels: ['counted'], max_retries: 0 });
      const [claimed] = await worker.claim({ max: 1 });
      const body = outcome === 'failed' ? { outcome, failure_reason: 'agent_failed' } : { outcome };
      if (outcome !== null) expect((await worker.finish(claimed!.execution_id, body)).status).toBe(200);
    }
    expect(await coordinators.read(one)).toMatchObject({
      workers: { total: 2, active: 1, healthy: 1 },
      active_tasks: 1,
      completed_tasks: 1,
      failed_tasks: 1,
    });
    const { body } = await ada.get(`/coordinators/${one.coordinator.id}/workers`);
    expect((body.items as { id: string }[]).map(({ id }) => id)).toEqual([paused.id, worker.id]);
    const page = (await ada.get(`/coordinators/${one.coordinator.id}/workers?limit=1`)).body;
    expect(page).toMatchObject({ items: [{ id: paused.id }], next_cursor: expect.any(String) as string });
    expect((await ada.get(`/workers?coordinator_id=${one.coordinator.id}`)).body.items).toHaveLength(2);
  });

  it('is named by what its workers ran, also when worker and coordinator are gone', async () => {
    const one = await coordinators.register();
    const worker = await registerWorker(server, { labels: ['named'] }, one.token);
    const alone = await registerWorker(server, { labels: ['alone'] }, ada.token);
    const ran: string[] = [];
    for (const [who, label] of [
      [worker, 'named'],
      [alone, 'alone'],
    ] as const) {
      await ada.task({ required_labels: [label] });
      const [claimed] = await who.claim({ max: 1 });
      ran.push(claimed!.execution_id);
    }
    const named = async () =>
      Promise.all(ran.map(async (id) => (await ada.get(`/executions/${id}`)).body['coordinator_id']));
    expect(await named()).toEqual([one.coordinator.id, null]);
    expect((await worker.finish(ran[0]!, { outcome: 'completed' })).body).toMatchObject({
      execution: { coordinator_id: one.coordinator.id },
    });
    expect((await ada.delete(`/workers/${worker.id}`)).status).toBe(204);
    expect((await ada.delete(`/coordinators/${one.coordinator.id}`)).status).toBe(204);
    expect(await named()).toEqual([one.coordinator.id, null]);
    const { body } = await ada.get('/executions?limit=100');
    expect((body.items as { id: string; coordinator_id: string }[]).find(({ id }) => id === ran[0])).toMatchObject({
      coordinator_id: one.coordinator.id,
      worker_id: worker.id,
    });
  });

  it('keeps its workers when they come back, and takes none of others', async () => {
    const [one, other] = [await coordinators.register(), await coordinators.register()];
    const worker = await registerWorker(server, { name: 'kept' }, one.token);
    const again = await caller(server, worker.token).post('workers', { name: 'kept', replace: true }).expect(200);
    expect(again.body).toMatchObject({ worker: { id: worker.id, coordinator_id: one.coordinator.id } });
    const asked = { name: 'kept', replace: true };
    expect(await codeOf(caller(server, other.token).post('workers', asked))).toBe('409 worker/name-taken');
    const own = await caller(server, one.token).post('workers', asked).expect(200);
    expect(own.body).toMatchObject({ worker: { id: worker.id } });
    const { token } = own.body as { token: string };
    const moved = { ...asked, coordinator_id: other.coordinator.id };
    expect(await codeOf(caller(server, token).post('workers', moved))).toBe('403 worker/not-its-coordinator');
  });

  it('is not there for a worker of another organization, or of another scope', async () => {
    const one = await coordinators.register();
    const named = { name: 'stray', coordinator_id: one.coordinator.id };
    expect(await codeOf(bob.post('/workers', named))).toBe('404 coordinator/not-found');
    const ofInstance = caller(server, REGISTRATION_KEY).post('workers', { ...named, scope: 'instance' });
    expect(await codeOf(ofInstance)).toBe('404 coordinator/not-found');
  });

  it('drains with its workers: they end what they run, and then it has stopped; started again it is active', async () => {
    const one = await coordinators.register({ name: 'drained' });
    const [busy, idle] = [
      await registerWorker(server, { labels: ['busy'] }, one.token),
      await registerWorker(server, { labels: ['idle'] }, one.token),
    ];
    await ada.task({ required_labels: ['busy'] });
    const [claimed] = await busy.claim({ max: 1 });
    const { body } = await ada.post(`/coordinators/${one.coordinator.id}/drain`, { note: 'moving' });
    expect(body).toMatchObject({ status: 'draining', health: 'unhealthy', note: 'moving' });
    const statusOf = async (id: string) => (await ada.get(`/workers/${id}`)).body['status'];
    expect([await statusOf(busy.id), await statusOf(idle.id)]).toEqual(['draining', 'stopped']);
    expect((await coordinators.beat(one)).body).toMatchObject({ desired_status: 'draining', note: 'moving' });
    expect(await codeOf(caller(server, one.token).post('workers', { name: 'late' }))).toBe('409 coordinator/draining');
    // A wish outlives a restart.
    const restarted = await coordinators.register({ name: 'drained', replace: true }, ada.token, 200);
    expect(restarted.coordinator.status).toBe('draining');
    await busy.finish(claimed!.execution_id, { outcome: 'completed' });
    expect((await coordinators.beat(restarted)).body).toMatchObject({ desired_status: 'stopped' });
    expect(await coordinators.read(one)).toMatchObject({ status: 'stopped', workers: { total: 2, active: 0 } });
    const anew = await coordinators.register({ name: 'drained' }, ada.token, 200);
    expect(anew.coordinator).toMatchObject({ status: 'active', note: null });
    await registerWorker(server, {}, anew.token);
  });

  it('that its own process had finish has its workers paused as before when it comes back, and nobody else', async () => {
    const one = await coordinators.register({ name: 'resting' });
    const names = ['resting-1', 'resting-2', 'resting-3'];
    const workers: { id: string }[] = [];
    for (const name of names) workers.push(await registerWorker(server, { name }, one.token));
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await ada.post(`/workers/${workers[0]!.id}/pause`, { note: 'for an hour', until });
    await ada.post(`/workers/${workers[1]!.id}/pause`, { note: 'for long' });
    const path = `coordinators/${one.coordinator.id}/drain`;
    for (let times = 0; times < 2; times++) await caller(server, one.token).post(path, { note: 'bye' }).expect(200);
    const shown = async () =>
      Promise.all(
        workers.map(async ({ id }) => {
          const { body } = await ada.get(`/workers/${id}`);
          return [body['status'], body['note']];
        }),
      );
    expect((await shown()).map(([status]) => status)).toEqual(['stopped', 'stopped', 'stopped']);
    const again = await coordinators.register({ name: 'resting', replace: true }, ada.token, 200);
    for (const name of names) await caller(server, again.token).post('workers', { name, replace: true }).expect(200);
    expect(await shown()).toEqual([
      ['paused', 'for an hour'],
      ['paused', 'for long'],
      ['active', null],
    ]);
    const { rows } = await server.sql.query('select rests_until from worker_liveness where worker_id = $1', [
      workers[0]!.id,
    ]);
    expect((rows[0] as { rests_until: Date }).rests_until.toISOString()).toBe(until);
  });

  it('that its own process had finish goes on when that is started again; another one’s wish it does not make its own', async () => {
    const one = await coordinators.register({ name: 'restarted' });
    const own = (token: string) =>
      caller(server, token).post(`coordinators/${one.coordinator.id}/drain`, { note: 'told to stop' });
    const worker = await registerWorker(server, { name: 'restarted-1', labels: ['restarted'] }, one.token);
    const meant = await registerWorker(server, { name: 'restarted-2', labels: ['restarted'] }, one.token);
    for (const who of [worker, meant]) {
      await ada.task({ required_labels: ['restarted'] });
      expect(await who.claim({ max: 1 })).toHaveLength(1);
    }
    await ada.post(`/workers/${meant.id}/drain`, { note: 'this one' });
    await own(one.token).expect(200);
    expect(await coordinators.read(one)).toMatchObject({ status: 'draining' });
    // Its process was killed before its workers had finished, and is started again.
    const again = await coordinators.register({ name: 'restarted', replace: true }, ada.token, 200);
    expect(again.coordinator).toMatchObject({ status: 'active', note: null });
    const statusOf = async (id: string) => (await ada.get(`/workers/${id}`)).body['status'];
    expect([await statusOf(worker.id), await statusOf(meant.id)]).toEqual(['active', 'draining']);
    await ada.post(`/coordinators/${one.coordinator.id}/drain`, { note: 'moving' });
    await own(again.token).expect(200);
    const last = await coordinators.register({ name: 'restarted', replace: true }, ada.token, 200);
    expect(last.coordinator).toMatchObject({ status: 'draining' });
    expect(await statusOf(worker.id)).toBe('draining');
  });
});
