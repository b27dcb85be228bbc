import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { latestFirst, type CommitInstant } from './commit-position.js';
import { claimedSecond, TRUE_TIMES } from './commit-time.js';
import { GitProcess } from './git-process.js';
import { GitFailed } from './git.errors.js';

/** What is in the history of one commit and not in that of another, and how much it is the other way round. */
export interface CommitRange {
  /** Newest first. */
  ahead: CommitInstant[];
  behind: number;
}

const MAX_BYTES = 64 * 1024 * 1024;
/** Commits in all ranges that are remembered: some 20 MB. */
const MOST_REMEMBERED = 200_000;
const LINE = /^(\d+) ([<>])([0-9a-f]{40})$/;

/** What is between commits of a mirror. */
@Injectable()
export class RangesService {
  /** Ranges that were asked for lately, as what is between two commits stays what it is. */
  private readonly remembered = new Map<string, CommitRange>();

  constructor(private readonly git: GitProcess) {}

  /** Takes ids of commits. Throws GitFailed, `too_large` for more than half a million commits. */
  async between(directory: string, from: string, to: string, signal?: AbortSignal): Promise<CommitRange> {
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

  private async read(directory: string, from: string, to: string, signal?: AbortSignal): Promise<CommitRange> {
    const output = await this.git.run({
      directory,
      args: ['rev-list', '--timestamp', '--left-right', `${from}...${to}`, '--'],
      settings: TRUE_TIMES,
      max_bytes: MAX_BYTES,
      signal,
    });
    const ahead: CommitInstant[] = [];
    let behind = 0;
    for (const line of output.toString('latin1').split('\n')) {
      if (line === '') continue;
      const [, at = '', side, sha] = LINE.exec(line) ?? [];
      if (sha === undefined) throw new GitFailed('damaged');
      if (side === '>') ahead.push({ at: claimedSecond(at), sha });
      else behind += 1;
    }
    return { ahead: ahead.sort(latestFirst), behind };
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
