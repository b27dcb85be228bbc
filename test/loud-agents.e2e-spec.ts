import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { figure } from './figures.js';
import { Installation } from './installation.js';
import { Person, type Execution } from './person.js';
import { PATIENCE_MS, size } from './scale.js';

const LINE = '0123456789'.repeat(20);
const LINES = size({ full: 5_000_000, short: 400_000 });
/** What a log takes of output by default, and in the short form. */
const MOST_LINES = size({ full: 200_000, short: 20_000 });
const MIB = 1024 * 1024;
/** What the result may be kept waiting for the rest of the log, and as long again for a loaded machine. */
const MOST_SECONDS = 60;

let installation: Installation;
let person: Person;

beforeAll(async () => {
  installation = await Installation.start();
  person = await Person.signIn(installation);
});
afterAll(() => installation.close());

/** The most memory that a worker had, in MiB. */
const memoryOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1024;

/** What of the worker's files is the log of an execution. */
function spoolOf(name: string): number {
  const executions = join(installation.workerDirectory(name), 'executions');
  const logs = existsSync(executions) ? readdirSync(executions).map((id) => join(executions, id, 'log.ndjson')) : [];
  return logs.reduce((sum, log) => sum + (statSync(log, { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function loud(name: string, text: string) {
  const worker = installation.startRunner(name, { ...person.ownWorker, MAX_LOG_ENTRIES: String(MOST_LINES) });
  const ended = join(installation.scratch.directory('ends'), name);
  const script = installation.script(`${text}; touch "$ENDED"`, { ENDED: ended });
  const taskId = await person.create({ name: `Say much: ${name}`, timeout_seconds: 3600, ...script });
  return { worker, ended, taskId, alive: () => installation.alive(script.mark) };
}

it(
  'a gigabyte of output takes bounded memory and disk, is cut and said to be, and does not hold up the result',
  async () => {
    const { worker, ended, taskId, alive } = await loud(
      'much',
      `yes ${LINE} | head -n ${String(LINES)}; echo the last`,
    );
    let spool = 0;
    const look = setInterval(() => (spool = Math.max(spool, spoolOf('much'))), 50);
    let execution: Execution;
    for (;;) {
      [execution] = (await person.executions(taskId)) as [Execution];
      if (execution !== undefined && execution.status !== 'running') break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    clearInterval(look);
    const memory = Math.round(memoryOf(worker.pid));
    const seconds = (Date.parse(String(execution.finished_at)) - statSync(ended).mtimeMs) / 1000;
    const what = `at ${String(Math.round((LINES * (LINE.length + 1)) / 1e6))} MB of output`;
    figure(19, `MiB of memory of the worker process ${what}`, memory);
    figure(19, `MiB of log on its disk ${what}`, Math.round(spool / MIB));
    figure(19, `seconds from the end of the agent to its result ${what}`, seconds.toFixed(1));
    figure(19, `lines ${what}: in the log, left out`, execution.log_entries, execution.log_left_out);

    expect(execution).toMatchObject({ status: 'completed', exit_code: 0, log_incomplete: true });
    expect(memory).toBeLessThan(400);
    expect(spool).toBeLessThan(70 * MIB);
    expect(seconds).toBeLessThan(MOST_SECONDS);
    const log = await person.log(execution.id);
    const output = log.filter(({ stream }) => stream === 'stdout');
    const said = log.filter(({ stream }) => stream === 'system').map(({ message }) => message);
    expect(log).toHaveLength(execution.log_entries);
    expect(said.some((message) => message.startsWith('truncated: there is more output than'))).toBe(true);
    expect(said.some((message) => /^truncated: \d+ lines \(\d+ bytes\) were left out\.$/.test(message))).toBe(true);
    // Every line is in the log or counted, and the last ones are in it.
    expect(output.length + execution.log_left_out).toBe(LINES + 1);
    expect(output.at(-1)?.message).toBe('the last');
    expect(alive()).toEqual([]);
    await worker.stop();
  },
  PATIENCE_MS,
);

it(
  'who is loud is cancelled as fast as who is silent',
  async () => {
    const { worker, taskId, alive } = await loud('endless', 'yes');
    await person.see(
      () => spoolOf('endless'),
      (bytes) => bytes > MIB,
    );
    const began = performance.now();
    await person.ask('POST', `/tasks/${taskId}/cancel`, {});
    const task = await person.ended(taskId);
    figure(
      19,
      'seconds from the cancel of an endless output to its end',
      ((performance.now() - began) / 1000).toFixed(1),
    );
    expect(task.status).toBe('cancelled');
    expect(await person.execution(taskId)).toMatchObject({ status: 'cancelled', failure_reason: null });
    expect(alive()).toEqual([]);
    await worker.stop();
  },
  PATIENCE_MS,
);
