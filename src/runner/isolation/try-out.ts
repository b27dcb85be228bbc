import { mkdir } from 'node:fs/promises';
import { newId } from '../../ids.js';
import { runAgent, type AgentEnd } from '../agent-process.js';
import { ExecutionDirectory } from '../execution-directory.js';
import type { Argv, Isolation } from './isolation.js';

const PROBE_MS = 20_000;
const never = new AbortController().signal;

/** Done with the directory before the command runs, and once it has. */
interface Around {
  readonly before?: (directory: ExecutionDirectory) => Promise<void>;
  readonly after?: (directory: ExecutionDirectory) => Promise<void>;
}

/** Runs a command as an agent would be run, in a directory of its own of which nothing stays. */
export async function tryOut(
  isolation: Isolation,
  workerDirectory: string,
  argv: Argv,
  { before, after }: Around = {},
): Promise<{ end: AgentEnd; lines: readonly string[] }> {
  const directory = ExecutionDirectory.probe(workerDirectory);
  const lines: string[] = [];
  try {
    await directory.create();
    await mkdir(directory.checkout, { mode: 0o700 });
    await before?.(directory);
    await isolation.admit(directory);
    const end = await runAgent({
      ...isolation.command(argv, directory),
      checkout: directory.checkout,
      directory: directory.path,
      executionId: directory.executionId,
      taskId: newId(),
      variables: {},
      graceMs: 0,
      onLines: (_, more) => Promise.resolve(void lines.push(...more)),
      onStart: () => Promise.resolve(),
      signal: AbortSignal.timeout(PROBE_MS),
      hurry: never,
    });
    await isolation.reclaim(directory);
    await after?.(directory);
    return { end, lines };
  } finally {
    await directory.remove();
  }
}
