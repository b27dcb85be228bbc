import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Coordinators, codeOf, type Registered } from './a-coordinator.js';
import { Machine, type RunningCommand } from './command-line.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { caller } from './memberships.js';
import { processesWith } from './processes.js';
import { startTestApp, type TestApp } from './test-app.js';

interface Made {
  id: string;
  token: string;
  command: string;
  joins: string;
}

let server: TestApp;
let ada: TestPerson;
let coordinators: Coordinators;

beforeAll(async () => {
  server = await startTestApp({ HEARTBEAT_SECONDS: '1' });
  ada = await signInPerson(server);
  coordinators = new Coordinators(server, ada);
});
afterAll(() => server.close());

const as = (token: string) => caller(server, token);
const make = async (body: object = {}): Promise<Made> =>
  (await ada.post('/workers/join-tokens', { joins: 'coordinator', ...body })).body as unknown as Made;
const register = (token: string, body: object = {}) =>
  as(token).post('coordinators', { name: 'joined', host: 'host', ...body });

describe('a join token for coordinators', () => {
  it('says so in what is answered, in the list and in the line to paste', async () => {
    const made = await make({ workers: 4 });
    const line = `curl -fsSL ${server.url}/join.sh | MIYABI_JOIN_TOKEN=${made.token} sh -s -- coordinator`;
    expect(made).toMatchObject({ joins: 'coordinator', command: `${line} --workers 4` });
    const plain = await make();
    expect(plain.command).toMatch(/ sh -s -- coordinator$/);
    const { items } = (await ada.get('/workers/join-tokens')).body as unknown as { items: Made[] };
    expect(items.map(({ joins }) => joins)).toEqual(['coordinator', 'coordinator']);
    const refused = await ada.post('/workers/join-tokens', { workers: 4 });
    expect([refused.status, refused.body['errors']]).toEqual([400, [expect.objectContaining({ field: 'workers' })]]);
  });

  it('registers one coordinator, whose own token registers its workers with the labels of the join token', async () => {
    const { token } = await make({ labels: ['rack=7'] });
    const { body } = await register(token, { name: 'rack', labels: ['ssd'] }).expect(201);
    const registered = body as Registered & { coordinator: { labels: string[] } };
    expect(registered.coordinator.labels).toEqual(['rack=7', 'ssd']);
    expect(await codeOf(register(token, { name: 'another' }))).toBe('401 auth/key-revoked');
    const worker = await registerWorker(server, { labels: ['fast'] }, registered.token);
    const { body: shown } = await ada.get(`/workers/${worker.id}`);
    expect(shown).toMatchObject({ labels: ['rack=7', 'fast'], coordinator_id: registered.coordinator.id });
    const audit = (await ada.get('/audit-log?action=join_token.used')).body as { items: { subject: object }[] };
    expect(audit.items[0]?.subject).toMatchObject({ coordinator_id: registered.coordinator.id });
  });

  it('lets in no worker, and one for workers no coordinator, and either does nothing else', async () => {
    const host = await make();
    const { token } = await make({ joins: 'worker' });
    expect(await codeOf(as(host.token).post('workers', { name: 'w', protocol: 1 }))).toBe('403 auth/forbidden');
    expect(await codeOf(register(token))).toBe('403 auth/forbidden');
    expect(await codeOf(as(host.token).get('coordinators'))).toBe('403 auth/forbidden');
    expect(await codeOf(as(host.token).post('workers/join-tokens', {}))).toBe('403 auth/forbidden');
    await register(host.token, { name: 'not used up by refusals' }).expect(201);
  });

  it('is made by who may register coordinators', async () => {
    const { body } = await ada.post('/api-keys', { name: 'inviter', permissions: ['workers.register'] });
    const key = String(body['secret']);
    expect(await codeOf(as(key).post('workers/join-tokens', { joins: 'coordinator' }))).toBe('403 auth/forbidden');
    await as(key).post('workers/join-tokens', {}).expect(201);
  });

  it('does not put out a live coordinator, also when it says so', async () => {
    const there = await coordinators.register({ name: 'there' });
    await coordinators.beat(there).expect(200);
    const { token } = await make();
    expect(await codeOf(register(token, { name: 'there', replace: true }))).toBe('409 coordinator/name-taken');
    await coordinators.beat(there).expect(200);
  });
});

describe("a coordinator's own token", () => {
  it('registers this coordinator again, with the labels it was given, and stays good until the new one is used', async () => {
    const { token } = await make({ labels: ['rack=8'] });
    const first = (await register(token, { name: 'returns' }).expect(201)).body as Registered;
    const { id } = first.coordinator;
    await ada.patch(`/coordinators/${id}`, { name: 'renamed' });
    const again = { name: 'returns', replace: true };
    const second = (await register(first.token, again).expect(200)).body as Registered;
    expect(second.coordinator).toMatchObject({ id, name: 'renamed', labels: ['rack=8'] });
    // Its answer may have been lost.
    const third = (await register(first.token, again).expect(200)).body as Registered;
    expect(await codeOf(coordinators.beat(second))).toBe('401 auth/key-revoked');
    await register(third.token, again).expect(200);
    expect(await codeOf(coordinators.beat(first))).toBe('401 auth/key-revoked');
    expect(await codeOf(register(third.token, { ...again, scope: 'instance' }))).toBe(
      '403 coordinator/scope-not-allowed',
    );
  });

  it('does not come back once it was deleted', async () => {
    const { token } = await make();
    const gone = (await register(token, { name: 'deleted' }).expect(201)).body as Registered;
    await ada.delete(`/coordinators/${gone.coordinator.id}`);
    expect(await codeOf(register(gone.token, { name: 'deleted' }))).toBe('401 auth/coordinator-deleted');
  });
});

describe('a machine on which the line for a coordinator is pasted', () => {
  let machine: Machine;
  let running: RunningCommand;
  let joinedWith: string;

  beforeAll(() => {
    machine = new Machine({
      ...{ ALLOW_ISOLATION_NONE: 'on', AGENT_ISOLATION: 'none', DISK_MIN_FREE: '0', TERM_GRACE_SECONDS: '0.3' },
      ...{ MIYABI_COORDINATOR_NAME: 'pasted', MIYABI_CAPACITY: '1', DISK_BUDGET: '20000000001' },
    });
  });
  afterAll(() => machine.remove());

  const workers = async () => {
    const { body } = await ada.get('/workers?label=rack%3D9');
    return body.items as { name: string; health: string; status: string; coordinator_id: string }[];
  };
  const haveJoined = (count: number) =>
    eventually(`${String(count)} workers are healthy`, async () => {
      const found = await workers();
      return found.filter(({ health, status }) => health === 'healthy' && status === 'active').length === count;
    });

  it('becomes a host of as many workers, which do their work', async () => {
    const { command, id, token } = await make({ workers: 2, labels: ['rack=9'] });
    joinedWith = token;
    running = machine.shell(command);
    await haveJoined(2);
    expect((await workers()).map(({ name }) => name).sort()).toEqual(['pasted-1', 'pasted-2']);
    const { items } = (await ada.get('/workers/join-tokens')).body as unknown as {
      items: (Made & { uses_left: number })[];
    };
    expect(items.find((one) => one.id === id)?.uses_left).toBe(0);
    const task = await ada.task({ required_labels: ['rack=9'] });
    await eventually(
      'its task is completed',
      async () => (await ada.get(`/tasks/${task}`)).body['status'] === 'completed',
    );
  });

  it('tells its workers apart in one log, and gives each its part of the disk', () => {
    const lines = running.stdout.trim().split('\n');
    const said = lines.map((line) => JSON.parse(line) as { worker?: string; msg: string });
    const registered = said.filter(({ msg }) => msg === 'registered').map(({ worker }) => worker);
    expect(registered.sort()).toEqual(['pasted-1', 'pasted-2']);
    for (const name of registered) {
      const [pid, ...others] = processesWith(`MIYABI_LOG_NAME=${String(name)}`);
      expect(others).toEqual([]);
      expect(processesWith('DISK_BUDGET=10000000000')).toContain(pid);
    }
  });

  it('keeps its own token where only its account reads it, and comes back with that alone', async () => {
    // Its workers were started without it, and the shell around it waits.
    for (const pid of processesWith(`MIYABI_JOIN_TOKEN=${joinedWith}`)) process.kill(pid, 'SIGTERM');
    expect((await running.ended).code).toBe(0);
    const path = join(machine.home, '.local/share/miyabi/coordinator/membership.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
    expect(kept).toMatchObject({ url: server.url, name: 'pasted', token: expect.stringMatching(/^myc_/) });
    expect(running.stdout + running.stderr).not.toContain(kept['token']);
    // Nothing of the environment says where the server is, or what to come with.
    running = machine.start(['coordinator', '--workers', '1'], {
      ...{ MIYABI_COORDINATOR_NAME: undefined, LOG_FORMAT: 'pretty' },
    });
    await haveJoined(1);
    // Nothing is coloured: this is no terminal.
    expect(running.stdout).toMatch(/^\[\d\d:\d\d:\d\d\] INFO.*: pasted-1 registered$/m);
    const [first] = (await workers()).filter(({ status }) => status === 'active');
    expect(first).toMatchObject({ name: 'pasted-1', coordinator_id: kept['id'] });
    const { stdout } = await machine.run(['doctor', '--json']);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; detail: string }[] };
    expect(findings.find(({ name }) => name === 'coordinator')?.detail).toBe('this machine has joined as pasted');
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  it('is told what to do when its coordinator was deleted', async () => {
    const { items } = (await ada.get('/coordinators?limit=100')).body as { items: { id: string; name: string }[] };
    await ada.delete(`/coordinators/${items.find(({ name }) => name === 'pasted')!.id}`);
    const said = await machine.run(['coordinator', '--workers', '1']);
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining('miyabi workers invite --coordinator')]);
  });
});
