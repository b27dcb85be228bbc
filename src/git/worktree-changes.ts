import { shown } from './byte-path.js';
import { GitFailed } from './git.errors.js';

/** What a work tree holds that is in no commit. */
export interface Changes {
  /** The first of the files that differ or that git does not know, and of the folders of such. */
  files: string[];
  /** How many there are. */
  count: number;
  /** Repositories inside the work tree, which nothing is known of. */
  nested: string[];
  /** What is under way in it, as `a rebase`. */
  operation: string | null;
}

const MOST_NAMED = 20;
const NUL = 0;
/** `XY path`: two letters and a blank. */
const BEFORE_PATH = 3;
const LINK_TO_COMMIT = Buffer.from('160000 ');
const TAB = 0x09;
const LEFT_OUT = 'S'.charCodeAt(0);
const SMALL_A = 'a'.charCodeAt(0);

/** Reads what `git status --porcelain -z --no-renames` writes. Throws GitFailed. */
export function readChanges(output: Buffer): Pick<Changes, 'files' | 'count'> {
  const files: string[] = [];
  let count = 0;
  for (const line of lines(output)) {
    if (line.length <= BEFORE_PATH) throw new GitFailed('damaged');
    if (count < MOST_NAMED) files.push(shown(line.subarray(BEFORE_PATH)));
    count += 1;
  }
  return { files, count };
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
export function readStaged(output: Buffer): { nested: Buffer[]; hidden: boolean } {
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
