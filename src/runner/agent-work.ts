import { rm } from 'node:fs/promises';
import { runAgent, type AgentEnd } from './agent-process.js';
import type { Delivery } from './delivery.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { Fault, faultIn } from './fault.js';
import type { House } from './house.js';
import type { Argv } from './isolation/isolation.js';
import type { ProcessLaunch } from './launch.js';
import type { Listener } from './listener.js';
import { copyLocalFiles } from './local-files.js';
import type { PortBlock } from './port-blocks.js';
import type { Grant } from './protocol.js';
import { readRepositorySetup, SETUP_FILE } from './repository-setup.js';

export interface AgentWork {
  readonly grant: Grant;
  readonly directory: ExecutionDirectory;
  readonly delivery: Delivery;
  readonly launch: ProcessLaunch;
  /** Ends whatever runs. */
  readonly signal: AbortSignal;
  /** Told whenever something runs or was said, and with null when nothing does any more. */
  readonly onSign: (at: number | null) => void;
  /** Who hears what a run of the agent says. */
  readonly listen: (launch: ProcessLaunch) => Listener;
  /** How it is started once more after a run, when that said that it had nothing to go on with; null ends it. */
  readonly again: (launch: ProcessLaunch, end: AgentEnd) => ProcessLaunch | null;
  /** What the agent has called its session so far; null where it has told none. */
  readonly session: () => string | null;
  /** Told which files the worker itself puts into the checkout, before it does. */
  readonly onCopied: (paths: readonly string[]) => void;
}

/** Runs the agent in its checkout, after what the repository asks for. Rejects with a Fault when it does not come to that. */
export async function workAsAgent(house: House, work: AgentWork): Promise<AgentEnd> {
  const { directory, grant, delivery } = work;
  const { setup, copy, ports } = await readRepositorySetup(directory.checkout);
  const block = ports === 0 ? null : await house.ports.take(ports);
  try {
    if (grant.repository !== null && copy.length > 0) {
      const { repository } = grant;
      const from = house.settings.runner.repository_files;
      // Before the first is there: what fails on its way is no more the agent's work than what has arrived.
      work.onCopied(copy);
      await copyLocalFiles({ from, repository, checkout: directory.checkout, paths: copy });
      await delivery.say('info', `Copied ${copy.join(', ')} as ${SETUP_FILE} asks.`);
    }
    await house.isolation.admit(directory, (home) => bringSession(house, work, home));
    try {
      for (const [index, command] of setup.entries())
        await prepare(house, work, command, { block, first: index === 0 });
      return await runToEnd(house, work, { block, first: setup.length === 0 });
    } finally {
      work.onSign(null);
      if (house.isolation.hasOwnHomes) await keepSession(house, work);
      await house.isolation.reclaim(directory);
    }
  } catch (error) {
    work.signal.throwIfAborted();
    throw await faultIn(work.directory.path, error, 'worktree');
  } finally {
    await block?.release();
  }
}

/** For the next attempt at the same task. Without it that one begins anew, so that a failure here is none of the work. */
async function keepSession(house: House, { grant, directory, launch, session }: AgentWork): Promise<void> {
  const sessionId = session();
  if (sessionId === null) return;
  const of = { taskId: grant.task.id, cli: launch.argv[0], sessionId };
  await house.sessions.keep(of, directory.home).catch((error: unknown) => {
    house.log.warn({ execution_id: directory.executionId, err: error }, 'the session of the agent could not be kept');
  });
}

async function bringSession(house: House, { grant, directory, launch }: AgentWork, home: string): Promise<void> {
  const sessionId = grant.previous?.session_id ?? null;
  if (sessionId === null || !launch.resumes) return;
  const of = { taskId: grant.task.id, cli: launch.argv[0], sessionId };
  await house.sessions.bring(of, home, directory.checkout).catch((error: unknown) => {
    house.log.warn(
      { execution_id: directory.executionId, err: error },
      'the session of the agent could not be brought',
    );
  });
}

interface Run {
  readonly block: PortBlock | null;
  /** Whether nothing has run in this checkout before. */
  readonly first: boolean;
}

async function runToEnd(house: House, work: AgentWork, { block, first }: Run): Promise<AgentEnd> {
  for (let { launch } = work, isFirst = first; ; isFirst = false) {
    await work.delivery.say('info', `Starting ${launch.argv[0]}.`);
    const listener = work.listen(launch);
    const end = await run(house, work, launch.argv, { block, first: isFirst }, listener);
    const next = work.again(launch, end);
    if (next === null) return end;
    await work.delivery.say('info', 'The session of the attempt before is not here: beginning anew.');
    launch = next;
  }
}

/** One command of the repository. It runs as the agent does: it is no more to be trusted. */
async function prepare(house: House, work: AgentWork, command: Argv, how: Run): Promise<void> {
  const name = command.join(' ');
  await work.delivery.say('info', `Setting up: ${name}`);
  const listener = work.listen({ kind: 'process', argv: command, reader: null, resumes: false });
  const end = await run(house, work, command, how, listener);
  work.signal.throwIfAborted();
  if (end.exitCode === 0) return;
  const ended = end.exitCode === null ? `signal ${end.endedBy ?? 'unknown'}` : `exit code ${String(end.exitCode)}`;
  const text = listener.lastLines;
  throw new Fault('worktree', `${SETUP_FILE}: ${name} ended with ${ended}.${text === '' ? '' : `\n${text}`}`, {
    blame: 'task',
  });
}

async function run(
  house: House,
  { grant, directory, delivery, signal, onSign }: AgentWork,
  argv: Argv,
  { block, first }: Run,
  listener: Listener,
): Promise<AgentEnd> {
  onSign(performance.now());
  const over = new AbortController();
  const unheld = AbortSignal.any([signal, over.signal]);
  const end = await runAgent({
    ...house.isolation.command(argv, directory),
    checkout: directory.checkout,
    directory: directory.path,
    executionId: directory.executionId,
    taskId: grant.task.id,
    variables: block === null ? {} : { MIYABI_PORT_BASE: String(block.base), MIYABI_PORTS: portsOf(block).join(',') },
    graceMs: house.settings.runner.term_grace_seconds * 1000,
    longestLine: listener.longestLine,
    signal,
    hurry: house.hurry,
    onLines: async (stream, lines) => {
      onSign(performance.now());
      await listener.hear(stream, lines);
      if (!delivery.isBehind) return;
      // It cannot write: that is no silence of its own.
      onSign(null);
      await delivery.untilRoom(unheld);
      onSign(performance.now());
    },
    onExit: () => over.abort(),
    onStart: (process) => directory.write(directory.process, JSON.stringify(process)),
  })
    .catch((error: unknown) => {
      throw blamed(error, house.launchers.has(argv[0]), first);
    })
    .finally(() => listener.end());
  await rm(directory.process, { force: true });
  await delivery.sayLeftOut();
  if (end.survivors.length > 0)
    await delivery.say('error', `Processes that could not be ended: ${end.survivors.join(', ')}.`);
  return end;
}

/**
 * A program that is missing is the task's affair, unless this worker has said that it has it. A sandbox that cannot be made
 * is this worker's, unless something has run in the checkout before and spoilt it.
 */
function blamed(error: unknown, isReported: boolean, first: boolean): unknown {
  if (!(error instanceof Fault)) return error;
  if (error.reason === 'agent_missing') return error.blamedOn(isReported ? 'worker' : 'task');
  return error.reason === 'worktree' && first ? error.blamedOn('worker') : error;
}

const portsOf = ({ base, count }: PortBlock): number[] => Array.from({ length: count }, (_, index) => base + index);
