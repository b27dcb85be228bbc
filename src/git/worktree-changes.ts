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

/** Paths of other repositories among what `git ls-files --stage -z` writes. */
export function readNested(output: Buffer): Buffer[] {
  const paths: Buffer[] = [];
  for (let at = output.indexOf(LINK_TO_COMMIT); at >= 0; at = output.indexOf(LINK_TO_COMMIT, at + 1)) {
    // Elsewhere it is part of a name.
    if (at > 0 && output[at - 1] !== NUL) continue;
    const end = output.indexOf(NUL, at);
    const line = output.subarray(at, end < 0 ? output.length : end);
    paths.push(line.subarray(line.indexOf(TAB) + 1));
  }
  return paths;
}

function* lines(output: Buffer): Generator<Buffer> {
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(NUL, at);
    if (end < 0) throw new GitFailed('damaged');
    yield output.subarray(at, end);
    at = end + 1;
  }
}
