import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Machine, type RunningCommand } from './command-line.js';
import { Installation } from './installation.js';
import { mayLeave, OtherNetwork } from './other-network.js';
import { ask, Person, type Worker } from './person.js';
import { endProcessesWith } from './processes.js';
import { git } from './scratch-git.js';

/** Root puts the second machine into another network and under another account; others can only give it another home. */
const PLACE = mayLeave()
  ? 'another network, as another account'
  : 'another home of this account (another network and account need root on Linux)';

let network: OtherNetwork | null = null;
let installation: Installation;
let ada: Person;
let machine: Machine;
/** The server's address as the second machine has it. */
let url: string;
let running: RunningCommand;
let repository: { id: string; path: string };

beforeAll(async () => {
  if (mayLeave()) network = await OtherNetwork.open();
  installation = await Installation.start(network === null ? {} : { ALLOWED_HOSTS: network.address });
  url = network === null ? installation.url : await network.letIn(Number(new URL(installation.url).port));
  ada = await Person.signIn(installation);
  repository = await ada.repository('project');
  machine = new Machine(
    { DISK_MIN_FREE: '0', ALLOW_ISOLATION_NONE: 'on', TERM_GRACE_SECONDS: '0.5', LOG_FORMAT: 'json' },
    network === null ? undefined : (command) => network!.inside(command),
  );
  network?.give(machine.path);
});
afterAll(async () => {
  await machine.remove();
  network?.close();
  await installation.close();
});

const script = (text: string): object => ({
  agent_type: 'script',
  repository_id: repository.id,
  required_labels: ['second'],
  metadata: { command: ['sh', '-c', text] },
});
const files = (): string[] =>
  readdirSync(machine.path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(machine.path, name))
    .filter((name) => lstatSync(name).isFile());

/** What nobody over there may have, wherever it is looked for. */
function expectNothingOfTheServer(texts: readonly string[]): void {
  for (const secret of [installation.jwtSecret, installation.key, ada.token])
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
}

describe(`a second machine, in ${PLACE}`, () => {
  let worker: Worker;
  let command: string;

  it('joins by one pasted line', async () => {
    const { status, body } = await ask(url, ada.token, 'POST', '/workers/join-tokens', { labels: ['second'] });
    expect(status).toBe(201);
    command = String(body['command']);
    expect(command).toContain(`${url}/join.sh`);
    running = machine.shell(command);
    await running.says('registered');
    const [found, ...others] = await ada.workers();
    expect(others).toEqual([]);
    worker = found!;
    expect(worker).toMatchObject({ scope: 'organization', labels: ['second'], status: 'active' });
  });

  it("fetches and pushes through the API's git with no other credential", async () => {
    const id = await ada.create({ name: 'Add a result', ...script('cat README.md; echo hello > result.txt') });
    const task = await ada.taskThatIs(id, 'completed', 'failed');
    expect([task.status, task.error_message]).toEqual(['completed', null]);
    const execution = await ada.execution(id);
    expect(await ada.output(execution.id)).toEqual(['# project']);
    const mirror = join(installation.mirrors, `${repository.id}.git`);
    expect(git(mirror, 'show', `${execution.branch!}:result.txt`)).toBe('hello');
    expect(git(mirror, 'rev-parse', execution.branch!)).toBe(execution.commit_sha);
    expect(
      git(mirror, 'merge-base', '--is-ancestor', git(repository.path, 'rev-parse', 'HEAD'), execution.commit_sha!),
    ).toBe('');
  });

  it('has nothing but its own token, which nobody else there can read, and reaches nothing else of the server', async () => {
    const kept = files().map((file) => readFileSync(file, 'latin1'));
    expectNothingOfTheServer(kept);
    const membership = join(machine.home, '.local/share/miyabi/worker/membership.json');
    expect(statSync(membership).mode & 0o777).toBe(0o600);
    const { token, ...known } = JSON.parse(readFileSync(membership, 'utf8')) as Record<string, string>;
    expect(known).toMatchObject({ url, id: worker.id });
    expect(kept.filter((text) => text.includes(token!))).toHaveLength(1);
    const joinToken = /MIYABI_JOIN_TOKEN=(\w+)/.exec(command)?.[1] ?? '?';
    expect(kept.filter((text) => text.includes(joinToken))).toEqual([]);
    if (network === null) return;
    const [file = '', ...args] = network.inside([
      'sh',
      '-c',
      `ls '${installation.mirrors}' || curl -sS ${installation.url}`,
    ]);
    const { status, stderr } = spawnSync(file, args, { encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/Permission denied[\s\S]*(Failed|Couldn't) /);
  });

  it('comes back after a power cut without being invited again', async () => {
    await endProcessesWith(`HOME=${machine.home}`);
    await running.ended;
    running = machine.start(['worker'], { MIYABI_URL: url });
    await running.says('registered');
    const id = await ada.create({ name: 'Once more', ...script('echo again > again.txt') });
    expect((await ada.taskThatIs(id, 'completed', 'failed')).status).toBe('completed');
    const [same, ...others] = await ada.workers();
    expect([same?.id, same?.labels, others]).toEqual([worker.id, ['second'], []]);
  });

  it('is told by its doctor that all is well', async () => {
    const { code, stdout } = await machine.run(['doctor', '--json'], { MIYABI_URL: url });
    const { findings, ok } = JSON.parse(stdout) as {
      ok: boolean;
      findings: { name: string; state: string; detail: string }[];
    };
    expect(findings.filter(({ state }) => state === 'fault')).toEqual([]);
    expect([code, ok]).toEqual([0, true]);
    expect(findings.find(({ name }) => name === 'server')?.detail).toContain(url);
    expect(findings.find(({ name }) => name === 'worker')?.detail).toContain(worker.name);
  });

  it('is out when its worker is deleted or its token revoked, and says how to come back', async () => {
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    const sql = new pg.Client({ connectionString: installation.database.url });
    await sql.connect();
    await sql.query('update access_keys set revoked_at = now() where worker_id = $1', [worker.id]);
    await sql.end();
    const { code, stderr } = await machine.run(['worker'], { MIYABI_URL: url });
    expect([code, stderr]).toEqual([1, expect.stringContaining('Join this machine again')]);
  });
});
