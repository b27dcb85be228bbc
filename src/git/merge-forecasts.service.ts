import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { newId } from '../ids.js';
import { shown } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { causeOf } from './git-causes.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { makeBorrower } from './borrower.js';
import { putAway } from './put-away.js';

/** What a merge of two commits would come to. */
export interface MergeForecast {
  verdict: 'clean' | 'conflict' | 'unrelated';
  /** Files that would conflict, in the order of git. */
  paths: string[];
}

const FOLDER = '.views';
const MOST_BYTES = 4 * 1024 * 1024;

/** A git directory that reads the objects of a mirror, and what is written in it leaves with it. */
export interface Quarantine {
  directory: string;
}

/** Foretells merges: nothing is merged, and nothing stays in the mirror. */
@Injectable()
export class MergeForecasts {
  constructor(
    private readonly git: GitProcess,
    private readonly commits: CommitsService,
  ) {}

  /** Makes a place for merges that nobody keeps, as long as the work takes; `more` are further folders of objects. */
  async within<T>(mirror: string, more: readonly string[], work: (quarantine: Quarantine) => Promise<T>): Promise<T> {
    const directory = join(this.git.root, FOLDER, newId());
    try {
      await makeBorrower(directory, [join(mirror, 'objects'), ...more]);
      return await work({ directory });
    } finally {
      await putAway(directory);
    }
  }

  /** What a merge of two commits, given by their ids, would come to. Throws GitFailed. */
  async merge({ directory }: Quarantine, one: string, other: string, signal: AbortSignal): Promise<MergeForecast> {
    const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', one, other];
    const child = await this.git.start({ directory, args, signal });
    child.process.stdin.end();
    const chunks: Buffer[] = [];
    let size = 0;
    child.process.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_BYTES) child.stop('too_large');
      else chunks.push(chunk);
    });
    const end = await child.ended;
    if (end.stopped === null && end.stderr.includes('unrelated histories')) return { verdict: 'unrelated', paths: [] };
    // With this code git says that there are conflicts, and with it alone that it could tell.
    const conflicts = end.stopped === null && end.code === 1 && causeOf(end.stderr) === 'unknown';
    if (!conflicts) this.git.assertDone(end, 'merge-tree');
    const [tree, ...paths] = fields(Buffer.concat(chunks));
    if (tree === undefined) throw new GitFailed('damaged');
    return { verdict: conflicts ? 'conflict' : 'clean', paths: [...new Set(paths.map(shown))] };
  }

  /**
   * Paths that differ between a commit and where its history left that of another one, or all of its paths when it never
   * was there. Null when they are too many. Throws GitFailed.
   */
  async changed(
    { directory }: Quarantine,
    base: string | null,
    head: string,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string> | null> {
    const start = base && (await this.commits.mergeBase(directory, base, head, signal));
    // Git knows the empty tree whatever a repository holds.
    const from = start ?? '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
    const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--ignore-submodules=none', from, head, '--'];
    try {
      const output = await this.git.run({ directory, args, signal, max_bytes: MOST_BYTES });
      return new Set(fields(output).map(shown));
    } catch (error) {
      if (error instanceof GitFailed && error.reason === 'too_large') return null;
      throw error;
    }
  }
}

function fields(output: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(0, at);
    if (end > at) found.push(output.subarray(at, end));
    if (end < 0) break;
    at = end + 1;
  }
  return found;
}
