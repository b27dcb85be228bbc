import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeKey } from './api-keys.js';
import { Machine } from './command-line.js';
import { FaultyNetwork } from './faulty-network.js';
import { registerWorker, type TestWorker } from './fleet.js';
import { ownerOfNew } from './memberships.js';
import { quietPort } from './processes.js';
import { startTestApp, type TestApp } from './test-app.js';

interface Shown {
  id: string;
  status: string;
  name: string;
}

let server: TestApp;
let worker: TestWorker;
/** A machine whose commands speak with a key of Ada's. */
let machine: Machine;
let key: string;

beforeAll(async () => {
  server = await startTestApp();
  const ada = await ownerOfNew(server);
  key = (await makeKey(server, ada, 'tasks.read', 'tasks.create', 'tasks.update', 'workers.read', 'workers.register'))
    .secret;
  worker = await registerWorker(server, { name: 'w1', labels: ['gpu'] });
  await worker.beat([]);
  machine = new Machine({ MIYABI_URL: server.url, MIYABI_API_KEY: key });
});
afterAll(async () => {
  await machine.remove();
  await server.close();
});

const create = (...more: string[]) =>
  machine.json<Shown>(['tasks', 'create', 'Do it', '--agent-type', 'note', ...more]);

interface Run {
  task_id: string;
  execution_id: string;
  say: (...messages: string[]) => Promise<void>;
}

/** A task that the worker runs, with what it has said. */
async function running(...lines: string[]): Promise<Run> {
  const { id } = await create('--priority', 'P0');
  const claims = await worker.claim();
  const execution_id = claims.find(({ task_id }) => task_id === id)!.execution_id;
  let offset = 0;
  const say = async (...messages: string[]): Promise<void> => {
    const entries = messages.map((message) => ({ message }));
    expect((await worker.post(`/executions/${execution_id}/logs`, { offset, entries })).status).toBe(200);
    offset += messages.length;
  };
  if (lines.length > 0) await say(...lines);
  return { task_id: id, execution_id, say };
}

describe('tasks', () => {
  it('are created, listed, shown, explained, cancelled and retried', async () => {
    const made = await machine.run(['tasks', 'create', 'First', '--agent-type', 'note', '--label', 'nobody-has-it']);
    expect(made).toEqual({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/), stderr: '' });
    const id = made.stdout.trim();
    const listed = await machine.run(['tasks', 'list', '--status', 'pending']);
    expect(listed.stdout).toMatch(new RegExp(`^ID +STATUS.*\\n(.*\\n)*${id} +pending +P2 +note .* First\\n`));
    expect(await machine.json(['tasks', 'show', id])).toMatchObject({ id, required_labels: ['nobody-has-it'] });
    const { reasons } = await machine.json<{ reasons: { code: string }[] }>(['tasks', 'explain', id]);
    expect((await machine.run(['tasks', 'explain', id])).stdout).toContain(reasons[0]!.code);
    expect((await machine.run(['tasks', 'cancel', id, '--reason', 'no more'])).stdout).toBe('It is cancelled.\n');
    expect((await machine.json<Shown>(['tasks', 'retry', id])).status).toBe('pending');
    await machine.json(['tasks', 'cancel', id]);
    const refused = await machine.run(['tasks', 'cancel', id]);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^miyabi: .*\(409 task\//);
  });

  it('take every field that the command has', async () => {
    const first = await create('--label', 'gpu');
    const given = ['--priority', 'P1', '--max-retries', '2', '--timeout', '60', '--metadata', '{"ticket": 7}'];
    const task = await create(...given, '--depends-on', first.id, '--label', 'gpu', '--description', 'All of it.');
    expect(task).toMatchObject({
      status: 'blocked',
      priority: 'P1',
      max_retries: 2,
      timeout_seconds: 60,
      metadata: { ticket: 7 },
      required_labels: ['gpu'],
      description: 'All of it.',
    });
  });

  it('are waited for, and the exit code says how they ended', async () => {
    const { task_id, execution_id } = await running();
    const waiting = machine.start(['tasks', 'show', task_id, '--wait']);
    await worker.finish(execution_id, {
      outcome: 'failed',
      failure_reason: 'auth',
      error_message: 'no key',
      retryable: false,
    });
    const { code, stdout, stderr } = await waiting.ended;
    expect(stdout).toMatch(/status +failed\n(.*\n)*failed +auth: no key/);
    expect([code, stderr]).toEqual([1, 'miyabi: The task is failed.\n']);
  });
});

describe('the log', () => {
  it('of a task is that of its last attempt, without what would steer the screen', async () => {
    const { task_id, execution_id } = await running('one', '\x1b[2Jtwo\x07', 'three');
    for (const id of [task_id, execution_id])
      expect(await machine.run(['logs', id])).toEqual({ code: 0, stdout: 'one\ntwo \nthree\n', stderr: '' });
    const { stdout } = await machine.run(['logs', execution_id, '--json']);
    const entries = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; message: string });
    expect(entries.map(({ seq, message }) => [seq, message])).toEqual([
      [0, 'one'],
      [1, '\x1b[2Jtwo\x07'],
      [2, 'three'],
    ]);
    await worker.finish(execution_id, { outcome: 'completed' });
  });

  it('is followed to the end, through cut connections, with nothing twice and nothing left out', async () => {
    const { network, url } = await FaultyNetwork.before(server.url);
    const { execution_id, say } = await running('line 0');
    const following = machine.start(['logs', execution_id, '-f', '--url', url]);
    const lines = ['line 0'];
    for (let round = 1; round <= 4; round += 1) {
      await following.says(lines.at(-1)!);
      network.cut();
      lines.push(`line ${String(round)}`);
      await say(lines.at(-1)!);
    }
    await worker.finish(execution_id, { outcome: 'completed' });
    const { code, stdout } = await following.ended;
    network.close();
    expect([code, stdout.trimEnd().split('\n')]).toEqual([0, lines]);
  });

  it('of a task is followed from before its first attempt through all of them', async () => {
    const { id } = await create('--priority', 'P0', '--max-retries', '1');
    const following = machine.start(['logs', id, '-f']);
    for (const message of ['first try', 'second try']) {
      await server.sql.query(`update queue_entries set run_at = now() - interval '1 hour' where task_id = $1`, [id]);
      let claimed: string | undefined;
      while (claimed === undefined)
        claimed = (await worker.claim({ wait_seconds: 1 })).find(({ task_id }) => task_id === id)?.execution_id;
      await worker.post(`/executions/${claimed}/logs`, { offset: 0, entries: [{ message }] });
      await following.says(message);
      const outcome = message.startsWith('first')
        ? { outcome: 'failed', failure_reason: 'agent_error' }
        : { outcome: 'completed' };
      await worker.finish(claimed, outcome);
    }
    expect(await following.ended).toMatchObject({ code: 0, stdout: 'first try\nsecond try\n' });
  });
});

describe('the fleet', () => {
  it('is told by status and workers list', async () => {
    const { stdout } = await machine.run(['status']);
    expect(stdout).toMatch(/^server +http:.* ok, version .*\n/);
    expect(stdout).toMatch(/\nworkers +\d+: .*healthy/);
    const told = await machine.json(['status']);
    expect(told).toMatchObject({ health: { status: 'ok' }, tasks: { total: expect.any(Number) } });
    expect((await machine.run(['workers', 'list'])).stdout).toMatch(/\nw1 +active +healthy +\d+\/100 +gpu /);
  });

  it('is joined with the line that workers invite prints', async () => {
    const { stdout, stderr } = await machine.run(['workers', 'invite', '--uses', '2', '--label', 'gpu']);
    expect(stdout).toMatch(/^curl -fsSL http:\/\/127\.0\.0\.1:\d+\/join\.sh \| MIYABI_JOIN_TOKEN=myj_\w+ sh\n$/);
    expect(stderr).toContain('Paste this on the other machine');
    expect(await machine.json(['workers', 'invite', '--label', 'gpu'])).toMatchObject({
      uses_left: 1,
      labels: ['gpu'],
    });
  });
});

describe('a command', () => {
  it('tells by its exit code what went wrong', async () => {
    const nowhere = `http://127.0.0.1:${String(await quietPort())}`;
    const exits: [string[], number, string][] = [
      [['fly'], 2, 'unknown command'],
      [['tasks', 'list', '--limit', 'many'], 2, 'whole number'],
      [['tasks', 'list', '--status', 'asleep'], 2, 'Allowed choices'],
      [['tasks', 'create', 'x', '--metadata', '[]'], 2, 'JSON object'],
      [['status', '--url', 'localhost'], 2, 'no address'],
      [['status', '--api-key-file', '/nowhere'], 2, 'cannot be read'],
      [['status', '--url', nowhere], 3, 'cannot be reached'],
      [['tasks', 'show', '0'], 1, '400'],
      [['logs', '01a20775-3194-7d52-88fd-8636e48b36b8'], 1, '404 task/not-found'],
    ];
    for (const [args, code, said] of exits)
      expect([args, await machine.run(args)]).toEqual([
        args,
        { code, stdout: '', stderr: expect.stringContaining(said) },
      ]);
    const stranger = await machine.run(['tasks', 'list'], { MIYABI_API_KEY: '' });
    expect(stranger).toEqual({ code: 4, stdout: '', stderr: expect.stringContaining('miyabi login') });
    const wrong = await machine.run(['tasks', 'list'], { MIYABI_API_KEY: `${key}x` });
    expect(wrong).toEqual({ code: 4, stdout: '', stderr: expect.stringContaining('401 auth/invalid-token') });
    expect((await machine.run(['--help'])).code).toBe(0);
  });

  it('tells in JSON, too, what it has to say itself', async () => {
    const nowhere = `http://127.0.0.1:${String(await quietPort())}`;
    const told: [string[], number, string, Record<string, string>][] = [
      [['fly'], 2, 'cli/usage', {}],
      [['tasks', 'list', '--limit', 'many'], 2, 'cli/usage', {}],
      [['tasks', 'create', 'x', '--metadata', '[]'], 2, 'cli/usage', {}],
      [['status', '--url', nowhere], 3, 'cli/unreachable', {}],
      [['tasks', 'list'], 4, 'cli/signed-out', { MIYABI_API_KEY: '' }],
    ];
    for (const [args, exit, code, variables] of told) {
      const said = await machine.run([...args, '--json'], variables);
      expect([said.code, said.stdout]).toEqual([exit, '']);
      expect(JSON.parse(said.stderr)).toMatchObject({ code, detail: expect.any(String) });
    }
  });

  it('takes its key from a file, and says nothing of it', async () => {
    const file = join(machine.path, 'key');
    writeFileSync(file, `${key}\n`);
    for (const how of [['--api-key-file', file], []] as const) {
      const found = await machine.run(['tasks', 'list', ...how], { MIYABI_API_KEY: '', MIYABI_API_KEY_FILE: file });
      expect([found.code, (found.stdout + found.stderr).includes(key)]).toEqual([0, false]);
    }
  });

  it('uses no colours and no progress where nobody looks on', async () => {
    const { stdout, stderr } = await machine.run(['status'], { FORCE_COLOR: '1' });
    expect(stdout + stderr).not.toContain('\x1b');
  });
});

describe('the doctor', () => {
  it('names what is wrong, with what to do about it', async () => {
    const nowhere = `http://127.0.0.1:${String(await quietPort())}`;
    const of = async (variables: Record<string, string>) => {
      const { code, stdout } = await machine.run(['doctor', '--url', nowhere], variables);
      expect(code).toBe(1);
      return stdout;
    };
    const bare = await of({ PATH: '/nonexistent', MIYABI_CAPACITY: 'many' });
    for (const text of [
      'FAIL  git: not found',
      `FAIL  server: ${nowhere} cannot be reached`,
      'FAIL  settings of a worker: ',
      'MIYABI_CAPACITY must be a whole number from 1 to 256',
      'note  agents: none found on the PATH',
      'npm install -g @anthropic-ai/claude-code',
    ])
      expect(bare).toContain(text);
    const full = await of({ DISK_MIN_FREE: '999999999999999', ALLOW_ISOLATION_NONE: 'on' });
    expect(full).toContain('ok    git: ');
    expect(full).toMatch(/FAIL {2}worker directory: .* free\n +.*Make room, or set DISK_MIN_FREE/);
  });

  it('tells of each agent whether it would get tasks, and what keeps it from them', async () => {
    const programs = join(machine.path, 'programs');
    const program = (name: string, text: string): void => {
      mkdirSync(programs, { recursive: true });
      writeFileSync(join(programs, name), text, { mode: 0o755 });
    };
    program(
      'codex',
      '#!/bin/sh\nif [ "$1" = login ]; then echo "Not logged in" >&2; exit 1; fi\necho codex-cli 1.2.3\n',
    );
    program('gemini', '#!/bin/sh\necho 4.5.6\n');
    program('qwen', '#!/nonexistent/interpreter\n');
    const variables = {
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      AGENT_ISOLATION: 'none',
      ALLOW_ISOLATION_NONE: 'on',
    };
    const { stdout } = await machine.run(['doctor', '--json'], variables);
    const { findings } = JSON.parse(stdout) as {
      findings: { name: string; state: string; detail: string; hint: string | null }[];
    };
    const of = (agent: string): unknown => findings.find(({ name }) => name === `agent ${agent}`);
    expect(of('gemini')).toMatchObject({ state: 'ok', detail: '4.5.6' });
    expect(of('codex')).toMatchObject({
      state: 'note',
      detail: '1.2.3, not signed in: it gets no tasks',
      hint: 'Sign it in as the account of the worker.',
    });
    expect(of('qwen')).toMatchObject({
      state: 'note',
      detail: `${join(programs, 'qwen')} lacks something it is written for where agents run (none): it gets no tasks`,
      hint: 'Install it where agents run.',
    });
  });
});
