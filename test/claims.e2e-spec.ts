import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

describe('claims', () => {
  let server: TestApp;
  let ada: TestPerson;

  beforeEach(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
  });
  afterEach(() => server.close());

  it('give each task to one worker, however many claim at once', async () => {
    const workers = await Promise.all(Array.from({ length: 8 }, () => registerWorker(server)));
    const ids = await Promise.all(Array.from({ length: 60 }, (_, at) => ada.task({ priority: `P${String(at % 3)}` })));
    const claimed: string[] = [];
    await Promise.all(
      workers.map(async (worker) => {
        for (let got = 1; got > 0;) {
          const batch = await worker.claim({ max: 3 });
          got = batch.length;
          claimed.push(...batch.map((claim) => claim.task_id));
        }
      }),
    );
    expect(claimed).toHaveLength(60);
    expect([...claimed].sort()).toEqual([...ids].sort());
    const { rows } = await server.sql.query<{ capacity: number; leases: number }>(
      `select capacity, (select count(*) from leases l where l.worker_id = w.id)::integer as leases from workers w`,
    );
    expect(rows.every(({ capacity, leases }) => leases <= capacity)).toBe(true);
  });

  it('serve P0 before P1 before P2, and the oldest first within each', async () => {
    for (const [name, priority] of [
      ['c', 'P2'],
      ['a', 'P0'],
      ['d', 'P2'],
      ['b', 'P1'],
    ])
      await ada.task({ name, priority });
    const worker = await registerWorker(server);
    const names: string[] = [];
    for (let at = 0; at < 4; at++) names.push(...(await worker.claim()).map((claim) => claim.name));
    expect(names).toEqual(['a', 'b', 'c', 'd']);
  });

  it('let the organizations and repositories take turns within a priority', async () => {
    const bob = await signInPerson(server);
    for (let at = 0; at < 4; at++) await ada.task({ name: `ada ${String(at)}` });
    for (let at = 0; at < 2; at++) await bob.task({ name: `bob ${String(at)}` });
    const worker = await registerWorker(server);
    const names: string[] = [];
    for (let at = 0; at < 6; at++) names.push(...(await worker.claim()).map((claim) => claim.name));
    expect(names).toEqual(['ada 0', 'bob 0', 'ada 1', 'bob 1', 'ada 2', 'ada 3']);
  });

  it('give a batch in turns too', async () => {
    const bob = await signInPerson(server);
    for (let at = 0; at < 5; at++) await ada.task({ name: 'ada' });
    for (let at = 0; at < 5; at++) await bob.task({ name: 'bob' });
    const worker = await registerWorker(server);
    const names = (await worker.claim({ max: 4 })).map((claim) => claim.name).sort();
    expect(names).toEqual(['ada', 'ada', 'bob', 'bob']);
  });

  it('never exceed the capacity of a worker, also when it claims twice at once', async () => {
    for (let at = 0; at < 10; at++) await ada.task();
    const worker = await registerWorker(server, { capacity: 3 });
    const batches = await Promise.all(Array.from({ length: 5 }, () => worker.claim({ max: 10 })));
    expect(batches.flat()).toHaveLength(3);
    const [first] = batches.flat();
    await worker.finish(first?.execution_id ?? '', { outcome: 'completed' });
    expect(await worker.claim({ max: 10 })).toHaveLength(1);
  });

  it('respect labels, agent types and launchers, and the task explains which is missing', async () => {
    const labelled = await ada.task({ required_labels: ['gpu', 'region=eu'] });
    const codegen = await ada.task({ agent_type: 'codegen' });
    const plain = await registerWorker(server, { launchers: [], agent_types: ['note', 'codegen'], labels: ['gpu'] });
    await plain.beat([]);
    expect(await plain.claim({ max: 10 })).toEqual([]);
    const codes = async (id: string) =>
      ((await ada.get(`/tasks/${id}/explain`)).body as { reasons: { code: string }[] }).reasons.map(({ code }) => code);
    expect(await codes(labelled)).toEqual(['label-missing']);
    expect(await codes(codegen)).toEqual(['cli-missing']);
    const signedOut = await registerWorker(server, {
      name: 'unsigned',
      launchers: [{ name: 'claude', signed_in: false }],
    });
    expect(await signedOut.claim({ max: 10 })).toEqual([]);
    const { reasons } = (await ada.get(`/tasks/${codegen}/explain`)).body as { reasons: { detail: string }[] };
    expect(reasons).toMatchObject([{ code: 'cli-signed-out', cli: 'claude', workers: ['unsigned'] }]);
    expect(reasons[0]?.detail).toContain('Sign it in');
    await signedOut.post(`/workers/${signedOut.id}/heartbeat`, { launchers: [] });
    expect(await codes(codegen)).toEqual(['cli-missing']);
    const reviewer = await registerWorker(server, { agent_types: ['review'], labels: ['gpu', 'region=eu'] });
    expect(await reviewer.claim({ max: 10 })).toEqual([]);
    const able = await registerWorker(server, { launchers: [{ name: 'claude' }], labels: ['gpu', 'region=eu', 'x'] });
    expect((await able.claim({ max: 10 })).map((claim) => claim.task_id).sort()).toEqual([labelled, codegen].sort());
  });

  it('leave a task alone until its time has come', async () => {
    const id = await ada.task({ run_at: new Date(Date.now() + 3_600_000).toISOString() });
    const worker = await registerWorker(server);
    expect(await worker.claim()).toEqual([]);
    await worker.beat([]);
    const { body } = await ada.get(`/tasks/${id}/explain`);
    expect(body).toMatchObject({ queue_position: null, reasons: [{ code: 'scheduled' }] });
    await ada.patch(`/tasks/${id}`, { run_at: new Date().toISOString() });
    expect((await worker.claim({ wait_seconds: 5 })).map((claim) => claim.task_id)).toEqual([id]);
  });

  it('give the same executions to the same request key, and share one wait', async () => {
    for (let at = 0; at < 4; at++) await ada.task();
    const worker = await registerWorker(server);
    const first = await worker.claim({ max: 2, request_key: 'poll-1' });
    expect(await worker.claim({ max: 2, request_key: 'poll-1' })).toEqual(first);
    const together = await Promise.all([1, 2, 3].map(() => worker.claim({ max: 1, request_key: 'poll-2' })));
    expect(new Set(together.flat().map((claim) => claim.execution_id)).size).toBe(1);
  });

  it('give one execution to one request key, also when it comes in at two processes at once', async () => {
    const second = await startTestApp({}, server);
    const worker = await registerWorker(server);
    const claimAt = async (url: string, request_key: string) => {
      const answer = await fetch(`${url}/api/v1/workers/${worker.id}/claim`, {
        method: 'POST',
        headers: { authorization: `Bearer ${worker.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ request_key }),
      });
      const { executions } = (await answer.json()) as { executions: { execution: { id: string } }[] };
      return executions.map(({ execution }) => execution.id);
    };
    for (let round = 0; round < 10; round++) {
      await ada.task();
      await ada.task();
      const key = `round-${String(round)}`;
      const both = await Promise.all([claimAt(server.url, key), claimAt(second.url, key)]);
      expect(new Set(both.flat()).size).toBe(1);
    }
    await second.close();
  });

  it('of a worker that has begun anew get nothing with the token of before', async () => {
    const first = await registerWorker(server, { name: 'phoenix' });
    const waiting = first.claim({ wait_seconds: 3 });
    await eventually('the claim is waiting', async () => {
      const { rows } = await server.sql.query('select 1 from worker_liveness where last_heartbeat is not null');
      return rows.length === 1;
    });
    const reborn = await registerWorker(server, { name: 'phoenix', replace: true });
    const id = await ada.task();
    expect((await reborn.claim({ wait_seconds: 5 })).map((claim) => claim.task_id)).toEqual([id]);
    expect(await waiting).toEqual([]);
  });

  it('and changes of a task that comes and goes end one way, without a deadlock that anybody sees', async () => {
    const worker = await registerWorker(server);
    const id = await ada.task();
    const statuses = new Set<number>();
    const until = Date.now() + 3000;
    const churn = async (): Promise<void> => {
      while (Date.now() < until) {
        for (const { execution_id } of await worker.claim({ max: 5 }))
          statuses.add((await worker.finish(execution_id, { outcome: 'released' })).status);
      }
    };
    const change = async (): Promise<void> => {
      for (let at = 0; Date.now() < until; at++)
        statuses.add((await ada.patch(`/tasks/${id}`, { priority: `P${String(at % 3)}` })).status);
    };
    await Promise.all([churn(), churn(), change(), change()]);
    expect([...statuses]).toEqual([200]);
    await ada.post(`/tasks/${id}/cancel`, {});
    const { rows } = await server.sql.query(
      `select (select count(*) from queue_entries)::integer as queued, (select count(*) from leases)::integer as leased`,
    );
    expect(rows).toEqual([{ queued: 0, leased: 0 }]);
  });

  it('are only for the worker whose token it is', async () => {
    const one = await registerWorker(server);
    const other = await registerWorker(server);
    expect((await one.post(`/workers/${other.id}/claim`, {})).status).toBe(404);
    expect((await ada.post(`/workers/${one.id}/claim`, {})).status).toBe(403);
  });

  it('of an organization worker never see another organization', async () => {
    await ada.task();
    const { rows } = await server.sql.query<{ id: string }>(
      `select organization_id as id from organization_members where organization_id <> $1`,
      [ada.organization_id],
    );
    expect(rows).toEqual([]);
    const bob = await signInPerson(server);
    const registered = await bob.post('/workers', { name: 'own' });
    const { worker, token } = registered.body as unknown as { worker: { id: string; scope: string }; token: string };
    expect(worker.scope).toBe('organization');
    const claim = await server.request
      .post(`/api/v1/workers/${worker.id}/claim`)
      .set('Authorization', `Bearer ${token}`)
      .send({ max: 10 });
    expect((claim.body as { executions: unknown[] }).executions).toEqual([]);
    expect((await ada.get(`/workers/${worker.id}`)).status).toBe(404);
    expect((await bob.post('/workers', { name: 'all', scope: 'instance' })).status).toBe(403);
  });
});
