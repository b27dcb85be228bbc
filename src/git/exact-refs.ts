import { GitFailed } from './git.errors.js';
import type { GitProcess } from './git-process.js';
import { bytesOfShown, ESCAPED_BYTE } from './shown-bytes.js';

/** A reference of a repository, and what it is at. */
export interface ExactRef {
  sha: string;
  type: string;
}

const FORMAT = '%(objectname) %(objecttype) %(refname)';
const LINE_FEED = 0x0a;

/**
 * References by their full names, as they are shown; null for those that are not there. Where git is asked for a name
 * it also tries what else might be meant by it, so that a branch called `refs/heads/main` could stand in for `main`:
 * only a name that git has listed to the letter is one here. Throws GitFailed.
 */
export async function exactRefs(
  git: GitProcess,
  directory: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<(ExactRef | null)[]> {
  const args = ['for-each-ref', `--format=${FORMAT}`, '--', ...names.map(exactPattern)];
  const child = await git.start({ directory, args, input: '', signal });
  const chunks: Buffer[] = [];
  child.process.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const end = await child.ended;
  git.assertDone(end, 'for-each-ref');
  const found = refsIn(Buffer.concat(chunks));
  return names.map((name) => {
    const ref = found.get(bytesOfShown(name).toString('latin1'));
    // Git leaves out what it cannot read and calls that a success.
    if (ref === undefined && end.stderr.includes(`ignoring broken ref ${name}\n`)) throw new GitFailed('damaged');
    return ref ?? null;
  });
}

/**
 * A pattern that matches the name alone: as it is not the name to the letter, git does not take it for the beginning of
 * others. A byte that is no text cannot be an argument, so any byte may stand there.
 */
export function exactPattern(name: string): string {
  const pattern = name.replace(ESCAPED_BYTE, '?');
  return pattern.includes('?') ? pattern : pattern.replace(/.$/su, '\\$&');
}

/** By their names in Latin-1. */
function refsIn(output: Buffer): Map<string, ExactRef> {
  const found = new Map<string, ExactRef>();
  for (let at = 0, end = output.indexOf(LINE_FEED); end >= 0; at = end + 1, end = output.indexOf(LINE_FEED, at)) {
    const [, sha = '', type = '', name] = /^([0-9a-f]{40}) (\w+) (.+)$/s.exec(output.toString('latin1', at, end)) ?? [];
    if (name === undefined) throw new GitFailed('damaged');
    found.set(name, { sha, type });
  }
  return found;
}
