import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { BranchesService } from './branches.service.js';
import type { CommitPosition } from './commit-position.js';
import { GitProcess } from './git-process.js';
import { GitFailed } from './git.errors.js';
import { HistoriesService } from './histories.service.js';

/** What is in the history of one commit and not in that of another, and how much it is the other way round. */
export interface CommitRange {
  /** In the order of histories. */
  ahead: CommitPosition[];
  behind: number;
}

const MAX_BYTES = 32 * 1024 * 1024;
/** Commits in all ranges that are remembered: some 20 MB. */
const MOST_REMEMBERED = 200_000;
const LINE = /^([<>])([0-9a-f]{40})$/;

/** What is between commits of a mirror. */
@Injectable()
export class RangesService {
  /** Ranges that were asked for lately, as what is between two commits stays what it is. */
  private readonly remembered = new Map<string, CommitRange>();

  constructor(
    private readonly git: GitProcess,
    private readonly branches: BranchesService,
    private readonly histories: HistoriesService,
  ) {}

  /** Takes ids of commits. Throws GitFailed, `too_large` for more than half a million commits. */
  async between(directory: string, from: string, to: string, signal: AbortSignal): Promise<CommitRange> {
    const key = [directory, from, to].join('\0');
    const known = this.remembered.get(key);
    this.remembered.delete(key);
    const range = known ?? (await this.read(directory, from, to, signal));
    // Where a mirror ends it may go on one day.
    if (!(await exists(join(directory, 'shallow')))) this.remember(key, range);
    return range;
  }

  private remember(key: string, range: CommitRange): void {
    this.remembered.set(key, range);
    let count = 0;
    for (const [one, { ahead }] of [...this.remembered].reverse()) {
      count += ahead.length + 1;
      if (count > MOST_REMEMBERED) this.remembered.delete(one);
    }
  }

  private async read(directory: string, from: string, to: string, signal: AbortSignal): Promise<CommitRange> {
    const output = await this.git.run({
      directory,
      args: ['rev-list', '--left-right', `${from}...${to}`, '--'],
      max_bytes: MAX_BYTES,
      signal,
    });
    const ahead = new Set<string>();
    let behind = 0;
    for (const line of output.toString('latin1').split('\n')) {
      if (line === '') continue;
      const [, side, sha] = LINE.exec(line) ?? [];
      if (sha === undefined) throw new GitFailed('damaged');
      if (side === '>') ahead.add(sha);
      else behind += 1;
    }
    return { ahead: ahead.size === 0 ? [] : await this.inOrder(directory, to, ahead, signal), behind };
  }

  /** Most versions are on branches, whose history is there already. */
  private async inOrder(
    directory: string,
    to: string,
    ids: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<CommitPosition[]> {
    for (const tips of [await this.branches.tips(directory, signal), [to]]) {
      const history = await this.histories.open(directory, tips, signal);
      if (history === null) continue;
      const found = await history.positionsOf(ids).finally(() => void history.close());
      if (found.length === ids.size) return found;
    }
    // It has been changed in the middle of the look.
    throw new GitFailed('unknown');
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
