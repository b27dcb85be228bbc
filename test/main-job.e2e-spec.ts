import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Installation } from './installation.js';
import { Person, type Execution, type Task } from './person.js';
import { git } from './scratch-git.js';

const WORKER = 'w1';
/** Each look at what a prompt could do to a shell that it never sees. */
const BRIEF = `Mind the "quotes", the $HOME and the \`touch canary\`;\ntwo lines, 'n' {{task.id}} and a ünïcode.`;

let installation: Installation;
let ada: Person;
let repository: { id: string; path: string };
let untouched: Record<string, string>;
const tasks: Record<'script' | 'note' | 'secrets' | 'failing' | 'agent', string> = {
  script: '',
  note: '',
  secrets: '',
  failing: '',
  agent: '',
};

/** Everything below a directory, by content. */
function contentsOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    lstatSync(join(directory, name)).isFile(),
  );
  return Object.fromEntries(
    files.sort().map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex'),
    ]),
  );
}

const mirror = (): string => join(installation.mirrors, `${repository.id}.git`);
const folder = (execution: Execution, worker = WORKER): string =>
  join(installation.workerDirectory(worker), 'executions', execution.id);

beforeAll(async () => {
  installation = await Installation.start();
  ada = await Person.signIn(installation);
  repository = await ada.repository('project');
  untouched = contentsOf(repository.path);
  // What a careless supervisor hands to its worker, besides what the worker needs itself.
  const secrets = { DATABASE_URL: installation.database.url, JWT_SECRET: installation.jwtSecret };
  installation.startRunner(WORKER, secrets);
  const create = (fields: object): Promise<string> => ada.create({ repository_id: repository.id, ...fields });
  tasks.agent = await create({ name: 'Write the answer', description: BRIEF, agent_type: 'codegen' });
  tasks.script = await create({
    name: 'Add the result',
    issue_number: 42,
    ...installation.script(
      `pwd; cat README.md
       bash -c 'echo child; bash -c "sleep 0.2; echo grandchild; echo warning >&2" & wait'
       mkdir -p out && echo hello > out/result.txt; echo done`,
    ),
  });
  tasks.note = await create({ name: 'Remember the milk', description: 'Two bottles.', agent_type: 'note' });
  tasks.secrets = await create({ name: 'Look around', ...installation.script('env; git config --list; ls -A') });
  tasks.failing = await create({
    name: 'Fail',
    max_retries: 1,
    ...installation.script('echo half > half.txt; echo first; echo the reason >&2; exit 3'),
  });
});
afterAll(() => installation.close());

describe('a command', () => {
  let task: Task;
  let execution: Execution;

  beforeAll(async () => {
    task = await ada.ended(tasks.script);
    execution = await ada.execution(tasks.script);
  });

  it('is done by a worker at the first attempt', () => {
    expect(task).toMatchObject({ status: 'completed', retry_count: 0, error_message: null, failure_reason: null });
    expect(execution).toMatchObject({ status: 'completed', attempt: 1, exit_code: 0, log_incomplete: false });
    expect(task.result).toMatchObject({ commits: 1, files_changed: 1 });
  });

  it('runs in a checkout of its own', async () => {
    const [directory] = await ada.output(execution.id);
    expect(directory).toBe(join(folder(execution), 'checkout'));
  });

  it('has its log stored in order, those of its grandchildren included, by stream', async () => {
    const log = await ada.log(execution.id);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at));
    expect(log).toHaveLength(execution.log_entries);
    expect((await ada.output(execution.id)).slice(1)).toEqual(['# project', 'child', 'grandchild', 'done']);
    expect(log.filter(({ stream }) => stream === 'stderr')).toMatchObject([{ level: 'warn', message: 'warning' }]);
    expect(log.at(-1)?.message).toBe(`Pushed as ${execution.branch}.`);
  });

  it('leaves its branch in the mirror, on top of where it started', () => {
    expect(git(mirror(), 'rev-parse', `refs/heads/${execution.branch}`)).toBe(execution.commit_sha);
    expect(git(mirror(), 'rev-parse', `${execution.branch}^`)).toBe(git(repository.path, 'rev-parse', 'main'));
    expect(execution.base_sha).toBe(git(repository.path, 'rev-parse', 'main'));
    expect(git(mirror(), 'show', `${execution.branch}:out/result.txt`)).toBe('hello');
  });

  it('has its commit among the log entries of the repository, with who did it for which issue', async () => {
    const path = `/logs?repository_id=${repository.id}&issue_number=42`;
    const { items } = await ada.get<{ items: Record<string, unknown>[] }>(path);
    expect(items).toEqual([
      expect.objectContaining({
        commit_sha: execution.commit_sha,
        message: 'Add the result',
        agent_type: 'script',
        issue_number: 42,
        author: 'Script',
        level: 'info',
      }),
    ]);
  });

  it('leaves the repository of its owner as it was', () => {
    expect(contentsOf(repository.path)).toEqual(untouched);
    expect(git(repository.path, 'status', '--porcelain')).toBe('');
  });

  it('has its checkout removed once everything is handed over', () =>
    ada.see(
      () => existsSync(folder(execution)),
      (exists) => !exists,
    ));

  it('is told of as events, each once and in order', async () => {
    const { items } = await ada.get<{ items: { type: string }[] }>(`/events?task_id=${task.id}`);
    expect(items.map(({ type }) => type)).toEqual([
      ...['task.created', 'task.started', 'execution.started', 'execution.finished', 'task.completed'],
    ]);
  });
});

describe('a note', () => {
  it('is a file with the brief on the branch of its task', async () => {
    expect(await ada.ended(tasks.note)).toMatchObject({ status: 'completed', result: { files_changed: 1 } });
    const { branch } = await ada.execution(tasks.note);
    const note = git(mirror(), 'show', `${branch}:notes/remember-the-milk.md`);
    expect(note).toContain('Two bottles.');
  });
});

describe('the environment of an agent', () => {
  it('is the allow-list and nothing else', async () => {
    expect(await ada.ended(tasks.secrets)).toMatchObject({ status: 'completed' });
    const { id } = await ada.execution(tasks.secrets);
    const output = await ada.output(id);
    const names = output.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
    const allowed = ['HOME', 'PATH', 'LANG', 'AGENT_MARK', 'MIYABI_EXECUTION_ID', 'MIYABI_TASK_ID'];
    // The last three are the shell's own.
    expect(names.sort()).toEqual([...allowed, 'PWD', 'SHLVL', '_'].sort());
  });

  it('holds no secret of the worker or the server, nor does its checkout', async () => {
    const text = JSON.stringify(await ada.log((await ada.execution(tasks.secrets)).id));
    for (const secret of [installation.key, installation.jwtSecret, installation.database.url, ada.token])
      expect(text).not.toContain(secret);
    expect(text).not.toMatch(/my[cjkw]_|Authorization|extraheader|127\.0\.0\.1/i);
  });
});

describe('a command that fails', () => {
  let task: Task;
  let executions: Execution[];

  beforeAll(async () => {
    task = await ada.ended(tasks.failing);
    executions = await ada.executions(tasks.failing);
  });

  it('is tried again as often as allowed, and has then failed', () => {
    expect(task).toMatchObject({ status: 'failed', retry_count: 1, failure_reason: 'agent_error' });
    expect(executions.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 'failed'],
      [2, 'failed'],
    ]);
    expect(Date.parse(executions[1]!.started_at)).toBeGreaterThanOrEqual(Date.parse(executions[0]!.finished_at!));
  });

  it('says how: exit code, reason, last lines', () => {
    for (const execution of executions)
      expect(execution).toMatchObject({ exit_code: 3, failure_reason: 'agent_error' });
    expect(task.error_message).toMatch(/^The agent ended with exit code 3\.\n/);
    expect(task.error_message).toContain('the reason');
  });

  it('loses nothing of what it had done: each attempt leaves its branch', () => {
    const branches = executions.map(({ branch }) => branch);
    expect(new Set(branches).size).toBe(2);
    for (const branch of branches) expect(git(mirror(), 'show', `${branch}:half.txt`)).toBe('half');
  });
});

describe('a task for a command-line agent', () => {
  it('waits while no worker has it, says so, and says how to install it', async () => {
    // The worker has long done what came later, so it has had every chance to take this one.
    await ada.ended(tasks.failing);
    expect(await ada.task(tasks.agent)).toMatchObject({ status: 'pending' });
    expect(await ada.executions(tasks.agent)).toEqual([]);
    const { reasons } = await ada.get<{ reasons: { code: string; detail: string }[] }>(`/tasks/${tasks.agent}/explain`);
    expect(reasons).toMatchObject([{ code: 'cli-missing', cli: 'claude' }]);
    expect(reasons[0]?.detail).toContain('npm install -g @anthropic-ai/claude-code');
  });

  it('is run by the first worker that has it, with the brief as one argument', async () => {
    const programs = installation.scratch.directory('programs');
    // Stands where the real one would: a program of this name on the PATH, called with the arguments of the catalogue.
    const program = `#!/bin/sh
      if [ "$1" = --version ]; then echo "9.8.7 (stand-in)"; exit; fi
      echo "$# arguments: $1 $2 $3 $4 $5"
      printf %s "$6" > ANSWER.md
      echo changed >> README.md\n`;
    writeFileSync(join(programs, 'claude'), program);
    chmodSync(join(programs, 'claude'), 0o755);
    installation.startRunner('w2', { PATH: installation.pathWith(programs) });

    expect(await ada.ended(tasks.agent)).toMatchObject({ status: 'completed', result: { files_changed: 2 } });
    const execution = await ada.execution(tasks.agent);
    expect(await ada.output(execution.id)).toEqual([
      '6 arguments: --print --output-format stream-json --verbose --dangerously-skip-permissions',
    ]);
    const answer = git(mirror(), 'show', `${execution.branch}:ANSWER.md`);
    expect(answer).toBe(`Write the answer\n\n${BRIEF}`);
    expect(git(mirror(), 'show', `${execution.branch}:README.md`)).toBe('# project\nchanged');
    const workers = await ada.workers();
    expect(workers.find(({ id }) => id === execution.worker_id)).toMatchObject({
      name: 'w2',
      launchers: [{ name: 'claude', version: '9.8.7', signed_in: null }],
    });
  });
});

describe('two workers', () => {
  it('share twenty tasks, of which each is executed exactly once', async () => {
    const ledger = installation.scratch.directory('ledger');
    const script = installation.script('echo "$MIYABI_EXECUTION_ID" >> "$LEDGER/$MIYABI_TASK_ID"; sleep 0.3', {
      LEDGER: ledger,
    });
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ada.create({ name: `Task ${String(at)}`, ...script })),
    );
    const ended = await Promise.all(ids.map((id) => ada.ended(id)));
    expect(new Set(ended.map(({ status }) => status))).toEqual(new Set(['completed']));
    const executions = await Promise.all(ids.map((id) => ada.execution(id)));
    // The commands themselves say how often they ran, and under which execution.
    const ran = ids.map((id) => readFileSync(join(ledger, id), 'utf8'));
    expect(ran).toEqual(executions.map(({ id }) => `${id}\n`));
    expect(new Set(executions.map(({ worker_id: worker }) => worker)).size).toBe(2);
  });
});
