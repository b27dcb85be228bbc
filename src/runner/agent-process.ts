import { spawn, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Fault } from './fault.js';
import type { StartedCommand } from './isolation/isolation.js';
import { OutputLines } from './output-lines.js';
import { findProcess } from './process-table.js';
import { endTree, EXECUTION_VARIABLE, type ProcessMarks } from './process-tree.js';

export interface AgentPlan extends StartedCommand {
  readonly checkout: string;
  /** Directory of the execution; processes that work below it belong to it. */
  readonly directory: string;
  readonly executionId: string;
  readonly taskId: string;
  /** What this execution has of its own beside the allow-list, such as its ports. */
  readonly variables: Readonly<Record<string, string>>;
  readonly graceMs: number;
  /** Longest line of stdout that stays whole; what fits one log entry when it is absent. */
  readonly longestLine?: number;
  /** Takes lines away; the agent's pipe is not read on before it resolves. */
  readonly onLines: (stream: 'stdout' | 'stderr', lines: readonly string[]) => Promise<void>;
  /** Told once, when the process runs. */
  readonly onStart: (process: { pid: number; started: string }) => Promise<void>;
  /** Told when it is over; what it wrote may still be on its way. */
  readonly onExit?: () => void;
  /** Ends the agent when it fires. */
  readonly signal: AbortSignal;
  /** Cuts the grace short when it fires. */
  readonly hurry: AbortSignal;
}

export interface AgentEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly endedBy: NodeJS.Signals | null;
  /** Pids that even KILL did not end; normally none. */
  readonly survivors: readonly number[];
}

/** Time for the last output to be read once no process holds the pipes any more. */
const DRAIN_MS = 30_000;

/** Runs an agent to its end, and to the end of every process it started. Rejects with a Fault when it cannot start. */
export async function runAgent(plan: AgentPlan): Promise<AgentEnd> {
  const [file, ...args] = plan.argv;
  plan.signal.throwIfAborted();
  const child = start(file, args, {
    cwd: plan.checkout,
    env: {
      ...plan.environment,
      ...plan.variables,
      [EXECUTION_VARIABLE]: plan.executionId,
      MIYABI_TASK_ID: plan.taskId,
    },
    stdio: ['ignore', 'pipe', 'pipe', plan.confirms ? 'pipe' : 'ignore'],
    // A session of its own: signals meant for the runner do not reach it, and its group can be ended as one.
    detached: true,
  });
  const pid = child.pid;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [NodeJS.ErrnoException];
    throw startFault(file, error, plan.environment['PATH']);
  }
  // Not `close`: a daemon that the agent left behind may hold the pipes for ever.
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const marks: ProcessMarks = { executionId: plan.executionId, directory: plan.directory, leader: pid };
  const confirmation = plan.confirms ? textOf(child.stdio[3] as Readable) : Promise.resolve('ready');
  const output = Promise.all([pump(child.stdout, 'stdout', plan), pump(child.stderr, 'stderr', plan)]);
  // Handled where it is awaited below; without this a fault in between would count as unhandled.
  output.catch(() => undefined);
  const ending = endOnSignal(plan, marks, output);
  try {
    await plan.onStart({ pid, started: findProcess(pid)?.started ?? '' });
    const [exitCode, endedBy] = await exited;
    plan.onExit?.();
    ending.stop();
    const survivors = [...(await ending.survivors), ...(await endTree(marks, plan.graceMs, plan.hurry))];
    await withinTime(output, [child.stdout, child.stderr]);
    // Whoever is ended while the sandbox is made has not failed to make it.
    if (!plan.signal.aborted) checkStart(await confirmation, plan);
    return { exitCode, endedBy, survivors };
  } finally {
    await endTree(marks, 0);
  }
}

/** What a sandbox says of the start; it closes its end before the agent begins. */
async function textOf(pipe: Readable): Promise<string> {
  let text = '';
  for await (const chunk of pipe) text = (text + String(chunk)).slice(0, 16);
  return text;
}

function checkStart(said: string, { program }: AgentPlan): void {
  if (said === 'missing') throw new Fault('agent_missing', `There is no program ${program} where agents run.`);
  if (said !== 'ready') throw new Fault('worktree', 'The sandbox of the agent could not be made; its log says why.');
}

/** Some faults of starting are thrown at once, others come as an event. */
function start(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcessByStdio<null, Readable, Readable> {
  try {
    return spawn(file, args, options) as ChildProcessByStdio<null, Readable, Readable>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'E2BIG')
      throw startFault(file, error as NodeJS.ErrnoException, options.env?.['PATH']);
    const bytes = [file, ...args].reduce((sum, item) => sum + Buffer.byteLength(item), 0);
    // The same brief is as long the next time.
    throw new Fault('agent_error', `The brief does not fit into a command line: ${String(bytes)} bytes.`, {
      retryable: false,
      cause: error,
    });
  }
}

function startFault(file: string, error: NodeJS.ErrnoException, path = ''): Fault {
  // A directory of the PATH that may not be searched gives EACCES as well, whether the program is anywhere or not.
  const isThere = file.includes('/') || path.split(':').some((directory) => existsSync(join(directory, file)));
  if (error.code === 'ENOENT' || (error.code === 'EACCES' && !isThere))
    return new Fault('agent_missing', `There is no program ${file} on this worker.`);
  if (error.code === 'EACCES') return new Fault('agent_missing', `${file} may not be run on this worker.`);
  return new Fault('agent_error', `${file} cannot be started: ${error.message}`);
}

/** Ends the tree when asked to, or when its output can no longer be kept. */
function endOnSignal(
  plan: AgentPlan,
  marks: ProcessMarks,
  output: Promise<unknown>,
): { stop: () => void; survivors: Promise<readonly number[]> } {
  let stop: () => void = () => undefined;
  const survivors = new Promise<readonly number[]>((resolve, reject) => {
    const end = (): void => {
      plan.signal.removeEventListener('abort', end);
      endTree(marks, plan.graceMs, plan.hurry).then(resolve, reject);
    };
    stop = (): void => {
      // Once it has begun it goes on to its own end.
      if (!plan.signal.aborted) resolve([]);
      plan.signal.removeEventListener('abort', end);
    };
    plan.signal.addEventListener('abort', end);
    output.catch(end);
    if (plan.signal.aborted) end();
  });
  return { stop, survivors };
}

async function pump(pipe: Readable, stream: 'stdout' | 'stderr', plan: AgentPlan): Promise<void> {
  const lines = new OutputLines(stream === 'stdout' ? plan.longestLine : undefined);
  for await (const chunk of pipe) await plan.onLines(stream, lines.push(chunk as Buffer));
  await plan.onLines(stream, lines.end());
}

/** Waits for the rest of the output, but not for a pipe that somebody beyond reach still holds. */
async function withinTime(output: Promise<unknown>, pipes: readonly Readable[]): Promise<void> {
  const timer = setTimeout(() => pipes.forEach((pipe) => pipe.destroy()), DRAIN_MS);
  try {
    await output;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  } finally {
    clearTimeout(timer);
  }
}
