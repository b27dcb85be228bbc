import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChannelClosed, WorkerChannelClient, type Push } from '../src/client/worker-channel-client.js';
import { OpenStreams } from '../src/http/open-streams.service.js';
import { eventually } from './eventually.js';
import { FaultyNetwork } from './faulty-network.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { RunnerInProcess } from './runner-in-process.js';
import { SilentServer } from './silent-server.js';
import { StandInServer } from './stand-in-server.js';
import { startTestApp, type TestApp } from './test-app.js';

/** So rare that nothing in here is owed to a heartbeat. */
const RARE_HEARTBEATS = { HEARTBEAT_SECONDS: '600', LEASE_SECONDS: '1200', SCRIPT_TASKS: 'on' };
const SIGNALS = { cancel: [], lost: [], desired_status: 'active' };
const PATIENT = { seconds: 50 };

let server: TestApp;
let ada: TestPerson;
let network: FaultyNetwork;
let url: string;

beforeAll(async () => {
  server = await startTestApp(RARE_HEARTBEATS);
  ada = await signInPerson(server);
  ({ network, url } = await FaultyNetwork.before(server.url));
});
afterAll(async () => {
  network.close();
  await server.close();
});

describe('the client of the channel', () => {
  const labels = ['client'];
  const open: WorkerChannelClient[] = [];
  afterEach(() => open.splice(0).forEach((channel) => channel.close()));

  async function connect(options: { lookMs?: number; url?: string } = {}) {
    const worker = await registerWorker(server, { labels });
    const pushes: Push[] = [];
    const onPush = (push: Push): void => void pushes.push(push);
    const channel = await WorkerChannelClient.open({ url, token: worker.token, onPush, ...options });
    open.push(channel);
    return { worker, channel, pushes };
  }

  it('gives each call its own answer, whichever comes first, and each problem as its route has it', async () => {
    const { channel, pushes } = await connect();
    const claim = channel.say('claim', { max: 1, wait_seconds: 25 }, { seconds: 60 });
    expect(await channel.say('heartbeat', { executions: [] }, PATIENT)).toMatchObject({ next_heartbeat_seconds: 600 });
    const task = await ada.task({ required_labels: labels });
    const [given] = (await claim).executions;
    const execution_id = given!.execution.id;
    expect(given!.task.id).toBe(task);
    const log = (offset: number) =>
      channel.say('logs', { execution_id, offset, entries: [{ message: 'line' }] }, PATIENT);
    expect(await log(0)).toMatchObject({ next_offset: 1 });
    const [early, progress] = await Promise.allSettled([
      log(7),
      channel.say('progress', { execution_id, progress: 50 }, PATIENT),
    ]);
    const problem = { status: 409, code: 'execution/log-offset', next_offset: 1 };
    expect(early).toMatchObject({ reason: { name: 'ChannelProblem', problem } });
    expect(progress).toMatchObject({ value: { cancel: [], desired_status: 'active' } });
    await ada.post(`/tasks/${task}/cancel`, {});
    await eventually('it is told of the cancellation', () => pushes.some(({ type }) => type === 'cancel'));
    expect(pushes).toEqual([{ type: 'cancel', executions: [execution_id] }]);
    const answer = await channel.say('finish', { execution_id, outcome: 'cancelled' }, PATIENT);
    expect(answer.task.status).toBe('cancelled');
  });

  it('says of everything under way that it is closed, when the connection breaks', async () => {
    const { channel } = await connect();
    const claims = [1, 2].map(() => channel.say('claim', { wait_seconds: 25 }, PATIENT));
    network.cut();
    const outcomes = await Promise.allSettled([...claims, channel.closed]);
    const closed = expect.any(ChannelClosed) as unknown;
    expect(outcomes).toMatchObject([{ reason: closed }, { reason: closed }, { value: closed }]);
    await expect(channel.say('heartbeat', {}, PATIENT)).rejects.toThrow(ChannelClosed);
  });

  it('notices a server that is silent, and one that answers pings but no words', async () => {
    const { channel } = await connect({ lookMs: 100 });
    network.block();
    const [beat] = await Promise.allSettled([channel.say('heartbeat', {}, PATIENT)]);
    network.forget();
    network.cut();
    expect(beat).toMatchObject({ reason: { message: 'the channel is closed: the server is silent' } });

    const silent = await SilentServer.start();
    const deaf = (await connect({ url: silent.url })).channel;
    await expect(deaf.say('heartbeat', {}, { seconds: 0.5 })).rejects.toThrow('the channel is closed: no answer');
    silent.close();
  });

  it('has at most 63 calls under way, lets the others wait, and sends nothing that was given up meanwhile', async () => {
    const silent = await SilentServer.start();
    const { channel } = await connect({ url: silent.url });
    const given = new AbortController();
    const calls = Array.from({ length: 70 }, () => channel.say('heartbeat', {}, PATIENT));
    const last = channel.say('heartbeat', {}, { ...PATIENT, signal: given.signal });
    await silent.hasRead();
    expect(silent.unanswered).toHaveLength(63);
    given.abort(new Error('never mind'));
    await expect(last).rejects.toThrow('never mind');
    silent.answer(SIGNALS);
    await Promise.all(calls.slice(0, 63));
    await silent.hasRead();
    expect(silent.unanswered).toHaveLength(7);
    silent.answer(SIGNALS);
    await Promise.all(calls);
    silent.close();
  });

  it('goes on when an answer is given up, but ends with a wish for work, which then gets nothing', async () => {
    const { channel } = await connect();
    const given = new AbortController();
    const options = { ...PATIENT, signal: given.signal };
    const outcomes = Promise.allSettled([channel.say('heartbeat', {}, options)]);
    given.abort(new Error('never mind'));
    expect(await outcomes).toMatchObject([{ reason: { message: 'never mind' } }]);
    expect(await channel.say('heartbeat', {}, PATIENT)).toMatchObject({ cancel: [] });

    const leaving = new AbortController();
    const claim = channel.say('claim', { wait_seconds: 25 }, { ...PATIENT, signal: leaving.signal });
    await channel.say('heartbeat', {}, PATIENT);
    leaving.abort(new Error('leaving'));
    await expect(claim).rejects.toThrow('leaving');
    expect(await channel.closed).toMatchObject({ code: 1006 });
    await eventually('the server knows', () => server.app.get(OpenStreams).count === 0);
    const heir = await registerWorker(server, { labels });
    const task = await ada.task({ required_labels: labels });
    expect((await heir.claim({ wait_seconds: 20 })).map(({ task_id }) => task_id)).toEqual([task]);
  });

  it('leaves to a request what is too large, or is no message to the server', async () => {
    const { channel } = await connect();
    const message = 'x'.repeat(9 * 1024 * 1024);
    const said = { execution_id: 'x', offset: 0, entries: [{ message }] };
    await expect(channel.say('logs', said, PATIENT)).rejects.toThrow(/^a message of \d+ bytes is more/);
    let result = {};
    for (let depth = 0; depth < 70; depth++) result = { result };
    const finish = { execution_id: 'x', outcome: 'completed' as const, result };
    await expect(channel.say('finish', finish, PATIENT)).rejects.toThrow('a message was refused: json/not-exact');
  });

  it('says why there is no channel', async () => {
    const standIn = new StandInServer();
    await standIn.start();
    const given = { token: 'x', onPush: () => undefined };
    await expect(WorkerChannelClient.open({ ...given, url: standIn.url })).rejects.toMatchObject({ status: 401 });
    await expect(WorkerChannelClient.open({ ...given, url })).rejects.toMatchObject({ code: 4401, status: null });
    await standIn.stop();
    const gone = WorkerChannelClient.open({ ...given, url: standIn.url });
    await expect(gone).rejects.toMatchObject({ code: 1006, status: null });
  });
});

describe('a runner with a channel', () => {
  const OPEN = 'the channel to the server is open';
  let runner: RunnerInProcess;
  beforeAll(() => {
    runner = new RunnerInProcess(server, url, { MIYABI_LABELS: 'channel', MIYABI_CAPACITY: '1' });
  });
  afterAll(() => runner.remove());

  const opened = (times: number): Promise<void> =>
    eventually(`a channel is open (${times})`, () => runner.times(OPEN) >= times);
  const give = (script: string): Promise<string> => {
    const metadata = { command: ['bash', '-c', script] };
    return ada.task({ agent_type: 'script', required_labels: ['channel'], metadata });
  };
  /** What a script waits with until the test lets it through. */
  const gate = () => {
    const path = join(runner.directory, randomUUID());
    return { wait: `until [ -e '${path}' ]; do sleep 0.05; done`, go: () => writeFileSync(path, '') };
  };
  const isNow = (id: string, status: string): Promise<void> =>
    eventually(`the task is ${status}`, async () => (await ada.get(`/tasks/${id}`)).body['status'] === status);
  const output = async (id: string): Promise<string[]> => {
    const { current_execution_id } = (await ada.get(`/tasks/${id}`)).body;
    const { items } = (await ada.get(`/executions/${String(current_execution_id)}/logs?limit=1000`)).body;
    const entries = (items ?? []) as { stream: string; message: string }[];
    return entries.filter(({ stream }) => stream === 'stdout').map(({ message }) => message);
  };
  const said = (id: string, line: string): Promise<void> =>
    eventually(`it says ${line}`, async () => (await output(id)).includes(line));

  it('does a task, from the claim to the result, without a request', async () => {
    await opened(1);
    // Claimed by the request that was made before the channel was open.
    await isNow(await give('echo first'), 'completed');
    const before = runner.requests.length;
    expect(runner.requests.filter((path) => path === 'workers')).toHaveLength(1);
    const task = await give('echo second');
    await isNow(task, 'completed');
    expect(await output(task)).toEqual(['second']);
    expect(runner.requests.slice(before)).toEqual([]);
  });

  it('goes on by requests when the channel is cut, again and again, and opens another', async () => {
    const times = runner.times(OPEN);
    const { wait, go } = gate();
    const task = await give(`for i in $(seq 50); do echo $i; sleep 0.02; done; ${wait}; echo through`);
    for (const line of ['1', '15', '30']) {
      await said(task, line);
      network.cut();
    }
    go();
    await isNow(task, 'completed');
    expect(await output(task)).toEqual([...Array.from({ length: 50 }, (_, index) => String(index + 1)), 'through']);
    expect((await ada.get(`/tasks/${task}`)).body).toMatchObject({ retry_count: 0 });
    await opened(times + 1);
  });

  it('ends an agent at once when the task is cancelled, although it says nothing itself', async () => {
    const task = await give('echo begun; sleep 300');
    await said(task, 'begun');
    await eventually('the channel is open', () => server.app.get(OpenStreams).count === 1);
    const before = runner.requests.length;
    await ada.post(`/tasks/${task}/cancel`, {});
    await isNow(task, 'cancelled');
    expect(runner.requests.slice(before)).toEqual([]);
  });

  it('registers anew when its token is no longer accepted, goes on with its work, and has a channel again', async () => {
    const times = runner.times(OPEN);
    const { wait, go } = gate();
    const task = await give(`echo begun; ${wait}; echo through`);
    await said(task, 'begun');
    // The name of a worker that is alive would be taken for that of another process: a last word that is under way must not
    // make it so.
    await server.sql.query(`
      create function stay_silent() returns trigger language plpgsql as $$ begin
        if old.last_heartbeat < now() - interval '30 minutes' and new.last_heartbeat is not null then
          new.last_heartbeat := old.last_heartbeat;
        end if;
        return new;
      end $$;
      create trigger stay_silent before update on worker_liveness for each row execute function stay_silent()`);
    await server.sql.query(`with silent as (
      update worker_liveness set last_heartbeat = now() - interval '1 hour'
      where worker_id in (select id from workers where 'channel' = any(labels)) returning worker_id)
      update access_keys set revoked_at = now() where worker_id in (select worker_id from silent)`);
    await eventually('it is signed out', () => runner.times('4401') > 0);
    go();
    await isNow(task, 'completed');
    expect(await output(task)).toEqual(['begun', 'through']);
    await opened(times + 1);
    expect(runner.requests.filter((path) => path === 'workers')).toHaveLength(2);
  });

  it('hands its work back and closes its channel when it is stopped', async () => {
    const task = await give('echo begun; sleep 300');
    await said(task, 'begun');
    await runner.stop();
    expect((await ada.get(`/tasks/${task}`)).body['status']).toBe('pending');
    await eventually('the channel is closed', () => server.app.get(OpenStreams).count === 0);
  });
});
