import { Injectable } from '@nestjs/common';
import { shown } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { causeOf } from './git-causes.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import type { ObjectView } from './object-views.service.js';

/** What a merge of two commits would come to. */
export interface MergeForecast {
  verdict: 'clean' | 'conflict' | 'unrelated';
  /** Files that would conflict, in the order of git. */
  paths: string[];
}

const MOST_BYTES = 4 * 1024 * 1024;

/** Foretells merges, in a view: nothing is merged, and nothing stays. */
@Injectable()
export class MergeForecasts {
  constructor(
    private readonly git: GitProcess,
    private readonly commits: CommitsService,
  ) {}

  /** What a merge of two commits, given by their ids, would come to. Throws GitFailed. */
  async merge({ directory }: ObjectView, one: string, other: string, signal: AbortSignal): Promise<MergeForecast> {
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
    { directory }: ObjectView,
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
