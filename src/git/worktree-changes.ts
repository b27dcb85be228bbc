import { shown } from './byte-path.js';
import { GitFailed } from './git.errors.js';
import type { Staged } from './plain-index.js';

/** The first of some files, and of folders of such, and how many there are. */
export interface NamedFiles {
  files: string[];
  count: number;
}

/** What a work tree holds that is in no commit: files that differ or that git does not know. */
export interface Changes extends NamedFiles {
  /** Those that the project says nobody needs, by its .gitignore. */
  ignored: NamedFiles;
  /** Repositories inside the work tree, which nothing is known of. */
  nested: string[];
  /** Why there may be more of them; null when there are not. */
  unseen: string | null;
  /** Repositories of submodules that git keeps apart from the work tree, and deletes with it. */
  modules: string[];
  /** What is under way in it, as `a rebase`. */
  operation: string | null;
}

const MOST_NAMED = 20;
const NUL = 0;
const IGNORED = '!! ';
/** `XY path`: two letters and a blank. */
const BEFORE_PATH = 3;
const LINK_TO_COMMIT = Buffer.from('160000 ');
const TAB = 0x09;
/** `:old-mode new-mode ...` */
const OF_A_LINK = /^:(?:160000|\d{6} 160000) /;
const LEFT_OUT = 'S'.charCodeAt(0);
const SMALL_A = 'a'.charCodeAt(0);

/** Reads what `git status --porcelain -z --no-renames` writes, with `--ignored` or without. Throws GitFailed. */
export function readChanges(output: Buffer): Pick<Changes, 'files' | 'count' | 'ignored'> {
  const changes = { files: [], count: 0, ignored: { files: [], count: 0 } };
  for (const line of lines(output)) {
    if (line.length <= BEFORE_PATH) throw new GitFailed('damaged');
    const kind: NamedFiles = line.toString('latin1', 0, BEFORE_PATH) === IGNORED ? changes.ignored : changes;
    addFile(kind, line.subarray(BEFORE_PATH));
  }
  return changes;
}

/** Counts one more, and names it unless that are enough. */
export function addFile(to: NamedFiles, path: Buffer): void {
  if (to.count < MOST_NAMED) to.files.push(shown(path));
  to.count += 1;
}

/**
 * Paths that `git diff-index --cached --raw -z --no-renames` writes, or of them only those of links to commits: these git
 * leaves out of its status where it must not look into other repositories. Throws GitFailed.
 */
export function readStagedPaths(output: Buffer, { links_only }: { links_only: boolean }): Buffer[] {
  const [...told] = lines(output);
  if (told.length % 2 !== 0) throw new GitFailed('damaged');
  return told.filter(
    (_, at) => at % 2 === 1 && (!links_only || OF_A_LINK.test(told[at - 1]?.toString('latin1') ?? '')),
  );
}

/** Of the same output: files that are not as in the index, apart from those that are not there, and how much else. */
export function readModified(output: Buffer): { modified: Buffer[]; others: number } {
  const modified: Buffer[] = [];
  let others = 0;
  for (const line of lines(output)) {
    const code = line.toString('latin1', 0, BEFORE_PATH);
    if (code === ' M ') modified.push(line.subarray(BEFORE_PATH));
    else if (code !== ' D ') others += 1;
  }
  return { modified, others };
}

/**
 * Paths of other repositories among what `git ls-files -v --stage -z` writes, and whether there are files that git was told
 * not to look at. Throws GitFailed.
 */
export function readStaged(output: Buffer): Staged {
  const nested: Buffer[] = [];
  let hidden = false;
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(NUL, at);
    if (end < 0) throw new GitFailed('damaged');
    const tag = output[at] ?? 0;
    // Assumed to be unchanged: a small letter; left out: an S.
    if (tag === LEFT_OUT || tag >= SMALL_A) hidden = true;
    if (output.compare(LINK_TO_COMMIT, 0, LINK_TO_COMMIT.length, at + 2, at + 2 + LINK_TO_COMMIT.length) === 0)
      nested.push(output.subarray(output.indexOf(TAB, at) + 1, end));
    at = end + 1;
  }
  return { nested, hidden };
}

function* lines(output: Buffer): Generator<Buffer> {
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(NUL, at);
    if (end < 0) throw new GitFailed('damaged');
    yield output.subarray(at, end);
    at = end + 1;
  }
}
