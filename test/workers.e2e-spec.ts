import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

describe('a worker', () => {
  let server: TestApp;
  let ada: TestPerson;

  beforeAll(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
  });
  afterAll(() => server.close());

  /** A task of its own that the worker runs. */
  async function running(by: TestWorker, fields: object = {}): Promise<{ task_id: string; execution_id: string }> {
    const task_id = await ada.task({ priority: 'P0', ...fields });
    // Others may be waiting from before.
    const claim = (await by.claim({ max: 20 })).find((one) => one.task_id === task_id);
    if (claim === undefined) throw new Error('the claim gave other tasks');
    return { task_id, execution_id: claim.execution_id };
  }

  it('hands back what it ran when another takes its name, but for what that one goes on with', async () => {
    const first = await registerWorker(server, { name: 'phoenix' });
    const kept = await running(first);
    const lost = await running(first);
    await expect(registerWorker(server, { name: 'phoenix' })).rejects.toThrow('worker/name-taken');
    const reborn = await registerWorker(server, { name: 'phoenix', replace: true, resume: [kept.execution_id] });
    expect(reborn.id).toBe(first.id);
    expect((await ada.get(`/tasks/${kept.task_id}`)).body.status).toBe('running');
    expect((await ada.get(`/tasks/${lost.task_id}`)).body).toMatchObject({ status: 'pending', retry_count: 0 });
    expect((await first.beat([])).status).toBe(401);
    expect((await reborn.finish(kept.execution_id, { outcome: 'completed' })).status).toBe(200);
    expect((await ada.get(`/workers/${reborn.id}`)).body).toMatchObject({ active_tasks: 0, completed_tasks: 1 });
  });

  it('is listed with what it said of itself, and found by its label, status and health', async () => {
    const named = await registerWorker(server, {
      name: 'listed',
      labels: ['gpu', 'region=eu'],
      capacity: 7,
      host: 'h',
    });
    await named.post(`/workers/${named.id}/heartbeat`, {
      metrics: { cpu_usage: 12.5, novelty: 1 },
      future_field: true,
    });
    const found = async (query: string) =>
      ((await ada.get(`/workers?${query}`)).body.items as { id: string }[]).map((worker) => worker.id);
    expect(await found('label=region=eu')).toEqual([named.id]);
    expect(await found('health=healthy&status=active')).toContain(named.id);
    expect(await found('health=unhealthy')).not.toContain(named.id);
    expect((await ada.get(`/workers/${named.id}`)).body).toMatchObject({
      name: 'listed',
      scope: 'instance',
      capacity: 7,
      metrics: { cpu_usage: 12.5 },
      launchers: null,
      active_tasks: 0,
    });
  });

  it('gets its name alone when several want it at once', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `wanted-${String(round)}`;
      const all = await Promise.allSettled(Array.from({ length: 6 }, () => registerWorker(server, { name })));
      expect(all.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      const refused = all.flatMap((one) => (one.status === 'rejected' ? String(one.reason) : []));
      expect(refused.every((reason) => reason.includes('worker/name-taken'))).toBe(true);
    }
  });

  it('is refused when it speaks too old a protocol, and told which one the server speaks otherwise', async () => {
    const { status: refused, body: problem } = await ada.post('/workers', { name: 'old', protocol: 0 });
    expect([refused, problem]).toMatchObject([426, { code: 'worker/protocol-too-old', min_protocol: 1 }]);
    expect(problem['detail']).toContain(String(problem['command']));
    expect(problem['command']).toMatch(/^curl .*\/downloads\/miyabi\.mjs/);
    for (const protocol of [1, 7]) {
      const { status, body } = await ada.post('/workers', { name: `speaks-${String(protocol)}`, protocol, novelty: 1 });
      expect([status, body]).toMatchObject([
        201,
        { worker: { protocol }, protocol: 1, min_protocol: 1, heartbeat_seconds: 15, lease_seconds: 60 },
      ]);
      expect(body['server_version']).toMatch(/^\d+\.\d+\.\d+/);
    }
  });

  it('goes on with executions of its own alone, whatever else it names', async () => {
    const [labels, name] = [['resumes'], 'mine'];
    const [one, other] = [await registerWorker(server, { name, labels }), await registerWorker(server, { labels })];
    const mine = await running(one, { required_labels: labels });
    const theirs = await running(other, { required_labels: labels });
    const resume = [theirs.execution_id, mine.execution_id];
    const reborn = await registerWorker(server, { name, labels, replace: true, resume });
    expect((await reborn.finish(theirs.execution_id, { outcome: 'completed' })).status).toBe(404);
    expect((await other.finish(theirs.execution_id, { outcome: 'completed' })).status).toBe(200);
    expect((await reborn.finish(mine.execution_id, { outcome: 'completed' })).status).toBe(200);
  });

  it('may have the name of one that is silent, or of another scope', async () => {
    const first = await registerWorker(server, { name: 'silent' });
    await server.sql.query(
      `update worker_liveness set last_heartbeat = now() - interval '61 seconds' where worker_id = $1`,
      [first.id],
    );
    expect((await registerWorker(server, { name: 'silent' })).id).toBe(first.id);
    expect((await registerWorker(server, { name: 'silent' }, ada.token)).id).not.toBe(first.id);
  });

  it('is counted by its health, for those who may see it', async () => {
    const bob = await signInPerson(server);
    const { body: before } = await bob.get('/workers/stats');
    const own = await registerWorker(server, {}, bob.token);
    await registerWorker(server, {}, bob.token);
    await own.beat([]);
    const paused = await registerWorker(server, {}, bob.token);
    await bob.post(`/workers/${paused.id}/pause`, {});
    const { body: after } = await bob.get('/workers/stats');
    const gained = Object.fromEntries(Object.entries(after).map(([key, n]) => [key, Number(n) - Number(before[key])]));
    expect(gained).toEqual({ total: 3, healthy: 1, degraded: 0, unhealthy: 1, unknown: 1 });
  });

  it('is found by the coordinator that supervises it', async () => {
    const { body: registered } = await ada.post('/coordinators', { name: 'of one worker', host: 'h' });
    const coordinator = (registered['coordinator'] as { id: string }).id;
    const { id } = await registerWorker(server, { coordinator_id: coordinator }, ada.token);
    const { body } = await ada.get(`/workers?coordinator_id=${coordinator}`);
    expect(body.items).toMatchObject([{ id, coordinator_id: coordinator }]);
  });

  it('has a health told by the database clock, exact at its bounds', async () => {
    const healthAfter = async (seconds: string) => {
      const probe = await registerWorker(server);
      const { rows } = await server.sql.query<{ id: string }>(
        `update worker_liveness set last_heartbeat = now() - $2::interval where worker_id = $1 returning worker_id as id`,
        [probe.id, seconds],
      );
      return (await ada.get(`/workers/${rows[0]?.id ?? ''}`)).body['health'];
    };
    expect((await ada.get(`/workers/${(await registerWorker(server)).id}`)).body['health']).toBe('unknown');
    expect(await healthAfter('30 seconds')).toBe('healthy');
    expect(await healthAfter('60 seconds')).toBe('degraded');
    expect(await healthAfter('290 seconds')).toBe('degraded');
    expect(await healthAfter('300 seconds')).toBe('unhealthy');
  });
});
