import { basename, dirname, join } from 'node:path';
import { stateOf } from './file-state.js';
import { SafeCopy } from './safe-copy.js';

/** How a repository in a repository is listed. */
export const NESTED = '160000 ';
const LARGEST_INDEX = 512 * 1024 * 1024;
const LIST = ['ls-files', '-z', '--stage', '--cached', '--ignored', '--exclude-standard'];

/** Files that git is told to ignore. */
export interface AgainstIgnored {
  /** Which the agent has added all the same. */
  readonly added: readonly string[];
  /** Which it has taken out of its index: they are there, and not a part of the work any more. */
  readonly dropped: readonly string[];
}

export interface Indices {
  /** Where the agent works. */
  readonly checkout: string;
  /** The index of what the work began with. */
  readonly ours: string;
  /** Where there is room for a copy of the agent's. */
  readonly copy: string;
  /** What has changed since the work began, of what is not ignored. */
  readonly changed: readonly string[];
}

/** Runs git in the checkout; gives null when it says no. */
type Ask = (args: readonly string[], env: Record<string, string>) => Promise<string | null>;

const NONE: AgainstIgnored = { added: [], dropped: [] };

/** Finds them by the two indices, and again only when something has changed that it hangs on: it takes as long as a look. */
export class IgnoredFiles {
  private found: { readonly of: string; readonly files: AgainstIgnored } | null = null;

  /** `first` is the state of the index of the agent when it was the runner's. */
  constructor(private readonly first: string | null) {}

  async find(indices: Indices, ask: Ask): Promise<AgainstIgnored> {
    const { checkout, changed } = indices;
    const theirs = join(checkout, '.git', 'index');
    const state = await stateOf(theirs);
    // Nobody has added anything, or taken it out.
    if (state === this.first) return NONE;
    const rules = changed.filter((name) => basename(name) === '.gitignore');
    const states = await Promise.all(rules.map((name) => stateOf(join(checkout, name))));
    const of = JSON.stringify([state, rules, states]);
    if (this.found?.of !== of) this.found = { of, files: await compare(theirs, indices, ask) };
    return this.found.files;
  }
}

async function compare(theirs: string, { ours, copy }: Indices, ask: Ask): Promise<AgainstIgnored> {
  const find = async (index: string): Promise<Set<string> | null> => {
    const listed = await ask(LIST, { GIT_INDEX_FILE: index });
    const lines = listed?.split('\0').filter((line) => line !== '' && !line.startsWith(NESTED));
    return lines === undefined ? null : new Set(lines.map((line) => line.slice(line.indexOf('\t') + 1)));
  };
  // Names are read from it and nothing else. One that is kept in parts, or is no index at all, tells nothing.
  const there = (await copyPlain(theirs, copy)) ? await find(copy) : null;
  const before = there && (await find(ours));
  if (there === null || before === null) return NONE;
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
