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
  async function running(by: TestWorker): Promise<{ task_id: string; execution_id: string }> {
    const task_id = await ada.task({ priority: 'P0' });
    const [claim] = await by.claim();
    if (claim?.task_id !== task_id) throw new Error('the claim gave another task');
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

  it('is refused when it speaks too old a protocol', async () => {
    await expect(registerWorker(server, { protocol: 0 })).rejects.toThrow('426');
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
