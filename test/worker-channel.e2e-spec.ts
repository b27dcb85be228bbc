import { once } from 'node:events';
import { OpenStreams } from '../src/http/open-streams.service.js';
import { BY_HAND, Engine } from './engine.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { statementsWait } from './lock-waits.js';
import { size } from './scale.js';
import { startTestApp, type TestApp } from './test-app.js';
import { WorkerSocket } from './worker-socket.js';
import { channelWay } from './worker-ways.js';

/** Promised at full size, on a machine that does nothing else. */
const IN_TIME_MS = size({ full: 1000, short: 10_000 });

let server: TestApp;
let ada: TestPerson;
let engine: Engine;

beforeAll(async () => {
  server = await startTestApp(BY_HAND);
  ada = await signInPerson(server);
  engine = new Engine(server, ada);
});
afterAll(() => server.close());

describe('the channel of a worker', () => {
  it('tells at once what is to be ended and what is lost, without being asked', async () => {
    const required_labels = ['told'];
    const way = await channelWay(server, { labels: required_labels });
    for (let at = 0; at < 2; at += 1) await engine.task({ required_labels });
    const { body } = await way.claim({ max: 2 });
    const [one, two] = (body['executions'] as { execution: { id: string; task_id: string } }[]).map(
      (given) => given.execution,
    );
    await ada.post(`/tasks/${String(one?.task_id)}/cancel`, {});
    expect(await way.channel.hears('cancel')).toEqual({ type: 'cancel', executions: [one?.id] });
    await engine.endGrace();
    await engine.lose(String(two?.id));
    expect(await way.channel.hears('lost')).toEqual({ type: 'lost', executions: [two?.id] });
    await way.finish(String(one?.id), { outcome: 'cancelled' });
    await way.close();
  });

  it('tells in well under a second what the worker is to do', async () => {
    const required_labels = ['led'];
    const way = await channelWay(server, { labels: required_labels }, ada.token);
    const measured: number[] = [];
    /** What comes over the connection because of a wish, which nobody but its hint is in time for. */
    const told = async (verb: string, word: string): Promise<void> => {
      const began = performance.now();
      expect((await ada.post(`/workers/${way.worker.id}/${verb}`, {})).status).toBe(200);
      expect(await way.channel.hears(word)).toEqual({ type: word });
      measured.push(performance.now() - began);
    };
    await told('pause', 'pause');
    await told('resume', 'resume');
    await engine.task({ required_labels });
    const { body } = await way.claim({});
    const [given] = body['executions'] as { execution: { id: string; task_id: string } }[];
    await told('drain', 'drain');
    const began = performance.now();
    await ada.post(`/tasks/${String(given?.execution.task_id)}/cancel`, {});
    expect(await way.channel.hears('cancel')).toEqual({ type: 'cancel', executions: [given?.execution.id] });
    measured.push(performance.now() - began);
    // The server looks by itself every 15 seconds; less than that on a machine of which nothing is known.
    for (const milliseconds of measured) expect(milliseconds).toBeLessThan(IN_TIME_MS);
    figure(
      4,
      'pause, resume, drain and cancel reach a worker over its channel, ms',
      measured.map(Math.round).join(', '),
    );
    const { body: receipt } = await way.finish(String(given?.execution.id), { outcome: 'cancelled' });
    expect(receipt['desired_status']).toBe('stopped');
    await way.close();
  });

  it('tells a worker that runs nothing and is drained, and one that is deleted, to stop', async () => {
    for (const end of [
      (id: string) => ada.post(`/workers/${id}/drain`, {}),
      (id: string) => ada.delete(`/workers/${id}`),
    ]) {
      const way = await channelWay(server, {}, ada.token);
      await end(way.worker.id);
      expect(await way.channel.hears('stop')).toEqual({ type: 'stop' });
      await way.close();
    }
  });

  it('answers a short word while a claim waits, and gives nothing to a connection that is closed', async () => {
    const required_labels = ['patient'];
    const way = await channelWay(server, { labels: required_labels });
    void way.claim({ wait_seconds: 25 });
    expect(await way.heartbeat({})).toMatchObject({ status: 200, body: { desired_status: 'active' } });
    await way.close();
    const heir = await registerWorker(server, { labels: required_labels });
    const task = await engine.task({ required_labels });
    expect((await heir.claim({ wait_seconds: 20 })).map(({ task_id }) => task_id)).toEqual([task]);
  });

  it('is nobody’s without the token of a worker, and ends with it', async () => {
    const stranger = await WorkerSocket.open(server.url, null);
    stranger.send({ id: 1, type: 'heartbeat' });
    await eventually('the stranger is sent away', () => stranger.closeCode !== null);
    expect([stranger.closeCode, stranger.pushed[0]?.['code']]).toEqual([4401, 'auth/no-token']);

    const person = await WorkerSocket.open(server.url, null);
    person.send({ type: 'auth', token: ada.token });
    await eventually('a person is sent away', () => person.closeCode !== null);
    expect(person.closeCode).toBe(4403);

    const way = await channelWay(server);
    await server.sql.query('update access_keys set revoked_at = now() where worker_id = $1', [way.worker.id]);
    expect(await way.heartbeat({})).toMatchObject({ status: 401, code: 'auth/key-revoked' });
    await eventually('the connection has ended', () => way.channel.closeCode !== null);
    expect(way.channel.closeCode).toBe(4401);
  });

  it('refuses what is no message and goes on, until nothing else comes', async () => {
    const way = await channelWay(server);
    for (const nonsense of ['{', '[]', '"x"']) way.channel.send(nonsense);
    expect(await way.channel.ask({ type: 'dance' })).toMatchObject({ problem: { code: 'socket/unknown-type' } });
    expect((await way.heartbeat({})).status).toBe(200);
    for (let at = 0; at < 20; at += 1) way.channel.send('{');
    await eventually('the connection has ended', () => way.channel.closeCode !== null);
    expect(way.channel.closeCode).toBe(1008);
  });

  it('does not count as contact by being open', async () => {
    const way = await channelWay(server, {}, ada.token);
    await way.heartbeat({});
    const health = async () => (await ada.get(`/workers/${way.worker.id}`)).body['health'];
    expect(await health()).toBe('healthy');
    await server.sql.query(
      `update worker_liveness set last_heartbeat = now() - interval '10 minutes' where worker_id = $1`,
      [way.worker.id],
    );
    await ada.post(`/workers/${way.worker.id}/pause`, {});
    // The server has looked for the worker, by itself.
    await way.channel.hears('pause');
    await ada.post(`/workers/${way.worker.id}/resume`, {});
    await way.channel.hears('resume');
    expect(await health()).toBe('unhealthy');
    await way.close();
  });

  it('is not open when its connection breaks while it is found out whose it is', async () => {
    const { token } = await registerWorker(server);
    const open = (): number => server.app.get(OpenStreams).count;
    const before = open();
    await server.sql.query('begin');
    await server.sql.query('lock table access_keys in access exclusive mode');
    const channel = await WorkerSocket.open(server.url, null);
    channel.send({ type: 'auth', token });
    await statementsWait(server, 1);
    channel.socket.terminate();
    await once(channel.socket, 'close');
    // By then the server has heard of it.
    expect((await fetch(`${server.url}/api/v1/health/live`)).status).toBe(200);
    await server.sql.query('commit');
    const way = await channelWay(server, {}, ada.token);
    await way.heartbeat({});
    expect(open()).toBe(before + 1);
    await way.close();
    await eventually('that one is closed as well', () => open() === before);
  });
});
