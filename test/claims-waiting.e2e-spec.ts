import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Engine } from './engine.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { statementsWait } from './lock-waits.js';
import { RawConnection } from './raw-http.js';
import { startTestApp, type TestApp } from './test-app.js';

describe('claims that wait', () => {
  let server: TestApp;
  let ada: TestPerson;

  beforeEach(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
  });
  afterEach(() => server.close());

  const lastHeard = async (worker: string): Promise<number> => {
    const { rows } = await server.sql.query<{ at: Date | null }>(
      'select last_heartbeat as at from worker_liveness where worker_id = $1',
      [worker],
    );
    return rows[0]?.at?.getTime() ?? 0;
  };
  it('wait, and are woken by a new task', async () => {
    const worker = await registerWorker(server);
    const waiting = worker.claim({ wait_seconds: 20 });
    const id = await ada.task();
    expect((await waiting).map((claim) => claim.task_id)).toEqual([id]);
  });

  it('give nothing to a socket that has closed', async () => {
    const worker = await registerWorker(server);
    const gone = new AbortController();
    const waiting = fetch(`${server.url}/api/v1/workers/${worker.id}/claim`, {
      method: 'POST',
      headers: { authorization: `Bearer ${worker.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ wait_seconds: 25 }),
      signal: gone.signal,
    });
    await eventually('the claim is waiting', async () => {
      const { rows } = await server.sql.query(
        'select last_heartbeat from worker_liveness where last_heartbeat is not null',
      );
      return rows.length === 1;
    });
    gone.abort();
    await expect(waiting).rejects.toThrow();
    const id = await ada.task();
    const other = await registerWorker(server);
    expect((await other.claim({ wait_seconds: 5 })).map((claim) => claim.task_id)).toEqual([id]);
  });

  /** A connection, and the end of it as the server sees it. */
  async function openConnection(): Promise<{ connection: RawConnection; closed: Promise<unknown> }> {
    const taken: Socket[] = [];
    const take = (socket: Socket): number => taken.push(socket);
    const http = server.app.getHttpServer() as Server;
    http.on('connection', take);
    const connection = await RawConnection.open(server.url);
    const isIt = (socket: Socket): boolean => socket.remotePort === connection.socket.localPort;
    await eventually('the server has taken the connection', () => taken.some(isIt));
    http.off('connection', take);
    return { connection, closed: new Promise((resolve) => taken.find(isIt)?.once('close', resolve)) };
  }

  it('give nothing when the socket closes before the commit', async () => {
    const worker = await registerWorker(server);
    const id = await ada.task();
    for (const request_key of [undefined, 'poll-1']) {
      // The claim stands before its worker's row, with its statement under way.
      await server.sql.query('begin');
      await server.sql.query('select from worker_liveness where worker_id = $1 for update', [worker.id]);
      const { connection, closed } = await openConnection();
      const body = JSON.stringify({ request_key });
      connection.send(
        [
          `POST /api/v1/workers/${worker.id}/claim HTTP/1.1`,
          'Host: 127.0.0.1',
          `Authorization: Bearer ${worker.token}`,
          'Content-Type: application/json',
          `Content-Length: ${String(body.length)}`,
          `\r\n${body}`,
        ].join('\r\n'),
      );
      await statementsWait(server, 1);
      connection.end();
      await closed;
      await server.sql.query('commit');
      await statementsWait(server, 0);
      expect((await ada.get(`/tasks/${id}`)).body).toMatchObject({ status: 'pending', version: 1 });
      expect((await ada.get(`/executions?task_id=${id}`)).body.items).toEqual([]);
    }
    expect((await worker.claim()).map((claim) => claim.task_id)).toEqual([id]);
  });

  it('that share a wait last as long as one of them is there', async () => {
    const worker = await registerWorker(server);
    const gone = new AbortController();
    const ask = (signal?: AbortSignal) =>
      fetch(`${server.url}/api/v1/workers/${worker.id}/claim`, {
        method: 'POST',
        headers: { authorization: `Bearer ${worker.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ wait_seconds: 25, request_key: 'one' }),
        signal: signal ?? null,
      });
    const first = ask(gone.signal);
    await eventually('the first waits', async () => {
      const { rowCount } = await server.sql.query('select from worker_liveness where last_heartbeat is not null');
      return rowCount === 1;
    });
    const second = ask();
    // A request that is answered behind it was taken in behind it.
    await worker.beat([]);
    gone.abort();
    await expect(first).rejects.toThrow();
    const id = await ada.task();
    const { executions } = (await (await second).json()) as { executions: { task: { id: string } }[] };
    expect(executions.map(({ task }) => task.id)).toEqual([id]);
  });

  it('that wait at another process are woken by a task and by a key that is free again', async () => {
    // It never looks by itself, so only a hint wakes a claim before its time is over.
    const second = await startTestApp({ WAIT_LOOK_SECONDS: '600' }, server);
    const engine = new Engine(server, ada);
    const there = await registerWorker(second);
    const here = await registerWorker(server);
    const measured: number[] = [];
    /** Has a claim wait at the second process, and measures how long after the cause it has the task. */
    const wake = async (cause: () => Promise<string>): Promise<void> => {
      // What a worker says within a second of its last word is not written down.
      await server.sql.query(`update worker_liveness set last_heartbeat = now() - interval '1 minute'`);
      const before = await lastHeard(there.id);
      const claim = there.claim({ wait_seconds: 25 }).then((claims) => ({ claims, at: performance.now() }));
      await eventually('the claim waits', async () => (await lastHeard(there.id)) !== before);
      const id = await cause();
      const caused = performance.now();
      const { claims, at } = await claim;
      measured.push(at - caused);
      expect(at - caused).toBeLessThan(20_000);
      expect(claims.map((one) => one.task_id)).toEqual([id]);
      await there.finish(claims[0]?.execution_id ?? '', { outcome: 'completed' });
    };
    for (let round = 0; round < 3; round++) await wake(() => engine.task());
    for (const outcome of ['completed', 'failed', 'cancelled']) {
      const concurrency_key = `until-${outcome}`;
      const { execution_id } = await engine.running(here, { concurrency_key, max_retries: 0 });
      const next = await engine.task({ concurrency_key });
      await wake(async () => {
        await here.finish(execution_id, { outcome });
        return next;
      });
    }
    process.stdout.write(`claimed at another process after ${measured.map((ms) => ms.toFixed(0)).join(', ')} ms\n`);
    await second.close();
  });

  it('of tasks with an exclusive key give one at a time', async () => {
    const engine = new Engine(server, ada);
    const worker = await registerWorker(server);
    const ids = [
      await engine.task({ concurrency_key: 'k' }),
      await engine.task({ concurrency_key: 'k', priority: 'P0' }),
    ];
    const last = await engine.task({ concurrency_key: 'k' });
    const order: string[] = [];
    for (let at = 0; at < 3; at++) {
      const claims = await worker.claim({ max: 10 });
      expect(claims).toHaveLength(1);
      order.push(claims[0]?.task_id ?? '');
      await worker.finish(claims[0]?.execution_id ?? '', { outcome: 'completed' });
    }
    expect(order).toEqual([...ids, last]);
  });
});
