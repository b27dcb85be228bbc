import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Machine } from './command-line.js';
import { Installation } from './installation.js';
import { Person } from './person.js';
import { endProcessesWith, quietPort } from './processes.js';
import { git } from './scratch-git.js';
import { TlsFront } from './tls-front.js';

let front: TlsFront;
let installation: Installation;
let ada: Person;
let repository: { id: string };
let command: string;
const machines: Machine[] = [];

const WORKS = { DISK_MIN_FREE: '0', ALLOW_ISOLATION_NONE: 'on', TERM_GRACE_SECONDS: '0.5', LOG_FORMAT: 'json' };

beforeAll(async () => {
  const port = await quietPort();
  installation = await Installation.start({ PUBLIC_URL: `https://localhost:${String(port)}` });
  const authority = join(installation.scratch.path, 'authority.pem');
  front = await TlsFront.open(port, Number(new URL(installation.url).port), authority);
  ada = await Person.signIn(installation);
  repository = await ada.repository('project');
  command = String((await front.post('/api/v1/workers/join-tokens', ada.token, { uses: 2 }))['command']);
});
afterAll(async () => {
  for (const { home } of machines) await endProcessesWith(`HOME=${home}`);
  for (const machine of machines) await machine.remove();
  front.close();
  await installation.close();
});

function machine(variables: Record<string, string> = {}): Machine {
  const made = new Machine({ ...WORKS, ...variables });
  machines.push(made);
  return made;
}

/** What a machine is set up with that trusts an authority of its own: the shell's tools, Node.js and git. */
function trusting(): Record<string, string> {
  const authority = join(installation.scratch.path, 'authority.pem');
  return { CURL_CA_BUNDLE: authority, NODE_EXTRA_CA_CERTS: authority, GIT_SSL_CAINFO: authority };
}

it('a second machine joins, fetches and pushes by https', async () => {
  expect(command).toContain(`https://localhost:${String(front.port)}/join.sh`);
  const running = machine(trusting()).shell(command);
  await running.says('registered');
  const id = await ada.create({
    name: 'Add a result',
    agent_type: 'script',
    repository_id: repository.id,
    metadata: { command: ['sh', '-c', 'echo hello > result.txt'] },
  });
  const task = await ada.taskThatIs(id, 'completed', 'failed');
  expect([task.status, task.error_message]).toEqual(['completed', null]);
  const { branch } = await ada.execution(id);
  expect(git(join(installation.mirrors, `${repository.id}.git`), 'show', `${branch!}:result.txt`)).toBe('hello');
});

it('a machine gives its token to no server whose certificate it cannot check', async () => {
  const shown = await machine().shell(command).ended;
  expect(shown.stderr).toMatch(/certificate/);
  // The script that would join comes from there, so nothing has run.
  const unwilling = machine().start(['worker', '--name', 'unwilling'], {
    MIYABI_URL: `https://localhost:${String(front.port)}`,
    MIYABI_JOIN_TOKEN: /MIYABI_JOIN_TOKEN=(\w+)/.exec(command)?.[1],
  });
  // A certificate can be put right, so it waits, and says for what.
  await unwilling.says('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  await unwilling.says('NODE_EXTRA_CA_CERTS');
  const url = `https://localhost:${String(front.port)}`;
  const { code, stderr } = await machine().run(['login', '--url', url]);
  expect([code, stderr]).toEqual([3, expect.stringMatching(/does not trust[\s\S]*NODE_EXTRA_CA_CERTS/)]);
  expect((await ada.workers()).map(({ name }) => name)).not.toContain('unwilling');
});
