import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from './fault.js';

export const SETUP_FILE = '.miyabi.json';
const LARGEST_FILE = 64 * 1024;
const MOST_COMMANDS = 50;
const MOST_FILES = 100;
export const MOST_PORTS = 100;

/** What a repository asks of a worker before an agent begins in it. */
export interface RepositorySetup {
  /** Commands, run in order as the agent; each a program and its arguments, no shell. */
  readonly setup: readonly (readonly [string, ...string[]])[];
  /** Paths copied from the directory that the operator keeps for this repository. */
  readonly copy: readonly string[];
  /** How many ports of its own each execution gets. */
  readonly ports: number;
}

const NOTHING: RepositorySetup = { setup: [], copy: [], ports: 0 };

/** Reads the file of a checkout. Rejects with a Fault that names everything wrong with it; without a file nothing is asked. */
export async function readRepositorySetup(checkout: string): Promise<RepositorySetup> {
  const text = await readOwn(join(checkout, SETUP_FILE));
  if (text === null) return NOTHING;
  const faults: string[] = [];
  const setup = parse(text, faults);
  if (faults.length > 0)
    throw new Fault('worktree', `${SETUP_FILE} is wrong: ${faults.join('; ')}.`, { retryable: false, blame: 'task' });
  return setup;
}

/** A link in its place would show the worker's files to whoever reads the fault. */
async function readOwn(path: string): Promise<string | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw unfit('must be a file that can be read, not a link', error);
    },
  );
  if (file === null) return null;
  try {
    const status = await file.stat();
    if (!status.isFile()) throw unfit('must be a file');
    if (status.size > LARGEST_FILE) throw unfit(`must not be larger than ${String(LARGEST_FILE)} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

const unfit = (what: string, cause?: unknown): Fault =>
  new Fault('worktree', `${SETUP_FILE} ${what}.`, { retryable: false, blame: 'task', cause });

function parse(text: string, faults: string[]): RepositorySetup {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    faults.push('it is no JSON');
    return NOTHING;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push('it must be an object');
    return NOTHING;
  }
  const { setup = [], copy = [], ports = 0, ...more } = value as Record<string, unknown>;
  for (const name of Object.keys(more))
    faults.push(`${JSON.stringify(name)} is not known; there are setup, copy, ports`);
  if (!isListOf(setup, isCommand, MOST_COMMANDS))
    faults.push(
      `setup must be a list of at most ${String(MOST_COMMANDS)} commands, each a list of texts that begins with a program`,
    );
  if (!isListOf(copy, isInnerPath, MOST_FILES))
    faults.push(`copy must be a list of at most ${String(MOST_FILES)} paths inside the repository`);
  if (typeof ports !== 'number' || !Number.isInteger(ports) || ports < 0 || ports > MOST_PORTS)
    faults.push(`ports must be a whole number from 0 to ${String(MOST_PORTS)}`);
  return faults.length > 0 ? NOTHING : ({ setup, copy, ports } as RepositorySetup);
}

const isListOf = (value: unknown, is: (item: unknown) => boolean, most: number): boolean =>
  Array.isArray(value) && value.length <= most && value.every((item) => is(item));

const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');

const isCommand = (value: unknown): boolean =>
  isListOf(value, isText, 1000) && (value as string[])[0]?.trim() !== '' && (value as string[]).length > 0;

/** Relative, in plain form, and not into the git directory. */
function isInnerPath(value: unknown): boolean {
  if (!isText(value) || value.length > 1000) return false;
  const parts = value.split('/');
  return parts.every((part) => !['', '.', '..'].includes(part)) && parts[0]?.toLowerCase() !== '.git';
}
