import { basename, dirname } from 'node:path';
import { SafeCopy } from './safe-copy.js';

/** How a repository in a repository is listed. */
export const NESTED = '160000 ';
const LARGEST_INDEX = 512 * 1024 * 1024;
const LIST = ['ls-files', '-z', '--stage', '--cached', '--ignored', '--exclude-standard'];

/** Files that git is told to ignore. */
export interface AgainstIgnored {
  /** Which the agent has added all the same. */
  readonly added: string[];
  /** Which it has taken out of its index: they are there, and not a part of the work any more. */
  readonly dropped: string[];
}

export interface Indices {
  /** Of the agent. */
  readonly theirs: string;
  /** Of what the work began with. */
  readonly ours: string;
  /** Where there is room for a copy. */
  readonly copy: string;
}

/** Finds them by the two indices; `ask` runs git in the checkout, and gives null when it says no. */
export async function againstIgnored(
  { theirs, ours, copy }: Indices,
  ask: (args: readonly string[], env: Record<string, string>) => Promise<string | null>,
): Promise<AgainstIgnored> {
  const find = async (index: string): Promise<Set<string> | null> => {
    const listed = await ask(LIST, { GIT_INDEX_FILE: index });
    const lines = listed?.split('\0').filter((line) => line !== '' && !line.startsWith(NESTED));
    return lines === undefined ? null : new Set(lines.map((line) => line.slice(line.indexOf('\t') + 1)));
  };
  // Names are read from it and nothing else. One that is kept in parts, or is no index at all, tells nothing.
  const there = (await copyPlain(theirs, copy)) ? await find(copy) : null;
  const before = there && (await find(ours));
  if (there === null || before === null) return { added: [], dropped: [] };
  return {
    added: [...there].filter((name) => !before.has(name)),
    dropped: [...before].filter((name) => !there.has(name)),
  };
}

/** False when it is no plain file of a sane size. */
async function copyPlain(from: string, to: string): Promise<boolean> {
  // It may be gone at any moment, with the directory that it was in.
  const source = await SafeCopy.of(dirname(from)).catch(() => null);
  if (source === null) return false;
  try {
    return (await source.copy(basename(from), to, LARGEST_INDEX)).kind === 'file';
  } finally {
    await source.close();
  }
}
