import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Installation } from './installation.js';
import { Person, type Execution, type Task } from './person.js';
import { git } from './scratch-git.js';

const WORKER = 'w1';
const FLOOD_LINES = 6000;
/** Ten lines every 50 ms: 200 in a second, for half a minute, in turn to both streams. */
const FLOOD = `
let line = 0;
const began = Date.now();
const timer = setInterval(() => {
  const due = Math.min(${String(FLOOD_LINES)}, Math.floor((Date.now() - began) / 50) * 10);
  for (; line < due; line++) (line % 2 ? process.stderr : process.stdout).write('line ' + line + '\\n');
  if (line === ${String(FLOOD_LINES)}) clearInterval(timer);
}, 50);`;
const PATIENCE_MS = 100_000;

let installation: Installation;
let ada: Person;
let repository: { id: string; path: string };
let gates: string;
const tasks = { talking: '', ending: '', flood: '' };
/** Attempts as they were when the server was killed. */
let before: { talking: Execution; ending: Execution };

const open = (gate: string): void => writeFileSync(join(gates, gate), '');
const startedLines = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `line ${String(from + at)}`);

/** The server dies by SIGKILL while three commands run: one talks, one comes to its end meanwhile, one floods. */
beforeAll(async () => {
  installation = await Installation.start({ LEASE_SECONDS: '10' });
  ada = await Person.signIn(installation);
  repository = await ada.repository('project');
  gates = installation.scratch.directory('gates');
  installation.startRunner(WORKER);
  const until = (gate: string): string => `until [ -e "$GATES/${gate}" ]; do sleep 0.05; done`;
  tasks.flood = await ada.create({
    name: 'Flood',
    ...installation.script('exec node -e "$CODE"', { CODE: FLOOD }),
  });
  tasks.talking = await ada.create({
    name: 'Talk',
    repository_id: repository.id,
    ...installation.script(
      `for i in {0..99}; do echo line $i; done; ${until('away')}
       for i in {100..199}; do echo line $i; done; touch "$GATES/said"; ${until('back')}
       for i in {200..299}; do echo line $i; done; echo said > said.txt`,
      { GATES: gates },
    ),
  });
  tasks.ending = await ada.create({
    name: 'End',
    ...installation.script(`echo begun; ${until('away')}; echo ended`, { GATES: gates }),
  });
  before = {
    talking: await ada.started(tasks.talking, 'line 99'),
    ending: await ada.started(tasks.ending, 'begun'),
  };
  const { current_execution_id: flood } = await ada.taskThatIs(tasks.flood, 'running');
  await ada.see(
    () => ada.get<Execution>(`/executions/${String(flood)}`),
    ({ log_entries: stored }) => stored > FLOOD_LINES / 5,
  );

  await installation.killApi();
  open('away');
  const result = join(installation.workerDirectory(WORKER), 'executions', before.ending.id, 'finish.json');
  await ada.see(
    () => existsSync(join(gates, 'said')) && existsSync(result),
    (there) => there,
  );
  await installation.startApi();
  open('back');
}, PATIENCE_MS);
afterAll(() => installation.close());

describe('a command that runs while the server is killed and started again', () => {
  let task: Task;
  beforeAll(async () => {
    task = await ada.ended(tasks.talking);
  });

  it('goes on and completes: one attempt, one result', async () => {
    expect(task).toMatchObject({ status: 'completed', retry_count: 0, result: { commits: 1 } });
    const execution = await ada.execution(tasks.talking);
    expect(execution).toMatchObject({ id: before.talking.id, status: 'completed', log_incomplete: false });
    const mirror = join(installation.mirrors, `${repository.id}.git`);
    expect(git(mirror, 'show', `${String(execution.commit_sha)}:said.txt`)).toBe('said');
    expect(git(mirror, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/task')).toBe(execution.branch);
  });

  it('has each line in its log once and in order', async () => {
    expect(await ada.output(before.talking.id)).toEqual(startedLines(0, 300));
    const log = await ada.log(before.talking.id);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at));
  });

  it('is told of as events, each once and in order', async () => {
    const { items } = await ada.get<{ items: { type: string }[] }>(`/events?task_id=${tasks.talking}`);
    expect(items.map(({ type }) => type)).toEqual([
      ...['task.created', 'task.started', 'execution.started', 'execution.finished', 'task.completed'],
    ]);
  });
});

describe('a command that ends while the server is away', () => {
  it('has its result and the rest of its log delivered afterwards', async () => {
    expect(await ada.ended(tasks.ending)).toMatchObject({ status: 'completed', retry_count: 0 });
    const execution = await ada.execution(tasks.ending);
    expect(execution).toMatchObject({ id: before.ending.id, exit_code: 0, log_incomplete: false });
    expect(await ada.output(execution.id)).toEqual(['begun', 'ended']);
  });
});

describe('200 lines a second for half a minute, with the server killed in the middle', () => {
  it(
    'are stored once each, in order',
    async () => {
      const task = await ada.ended(tasks.flood);
      expect(task).toMatchObject({ status: 'completed', retry_count: 0 });
      const execution = await ada.execution(tasks.flood);
      const seconds = (Date.parse(execution.finished_at!) - Date.parse(execution.started_at)) / 1000;
      expect(seconds).toBeGreaterThan(FLOOD_LINES / 200 - 1);
      const [out, err] = [await ada.output(execution.id), await ada.output(execution.id, 'stderr')];
      const lines = startedLines(0, FLOOD_LINES);
      expect(out).toEqual(lines.filter((_, at) => at % 2 === 0));
      expect(err).toEqual(lines.filter((_, at) => at % 2 === 1));
      const log = await ada.log(execution.id);
      expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at));
      expect(execution).toMatchObject({ log_entries: log.length, log_incomplete: false });
    },
    PATIENCE_MS,
  );
});
