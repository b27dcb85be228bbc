import { Injectable } from '@nestjs/common';
import { latestFirst, type CommitInstant } from './commit-position.js';
import { GitProcess } from './git-process.js';
import { GitFailed } from './git.errors.js';

/** What is in the history of one commit and not in that of another, and how much it is the other way round. */
export interface CommitRange {
  /** Newest first. */
  ahead: CommitInstant[];
  behind: number;
}

const MAX_BYTES = 64 * 1024 * 1024;
const LINE = /^(\d+) ([<>])([0-9a-f]{40})$/;

/** What is between commits of a mirror. */
@Injectable()
export class RangesService {
  constructor(private readonly git: GitProcess) {}

  /** Takes ids of commits. Throws GitFailed, `too_large` for more than half a million commits. */
  async between(directory: string, from: string, to: string, signal?: AbortSignal): Promise<CommitRange> {
    const output = await this.git.run({
      directory,
      args: ['rev-list', '--timestamp', '--left-right', `${from}...${to}`, '--'],
      max_bytes: MAX_BYTES,
      signal,
    });
    const ahead: CommitInstant[] = [];
    let behind = 0;
    for (const line of output.toString('latin1').split('\n')) {
      if (line === '') continue;
      const [, at = '', side, sha] = LINE.exec(line) ?? [];
      if (sha === undefined) throw new GitFailed('damaged');
      if (side === '>') ahead.push({ at: Number(at), sha });
      else behind += 1;
    }
    return { ahead: ahead.sort(latestFirst), behind };
  }
}
