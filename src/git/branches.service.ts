import { Injectable } from '@nestjs/common';
import { ByteSource } from './byte-source.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';

/** A branch of a mirror. */
export interface Branch {
  /** Its name as git has it, which need not be UTF-8. */
  name: Buffer;
  sha: string;
}

/** How many commits a branch has that another has not, and the other way round. */
export interface Divergence {
  ahead: number;
  behind: number;
}

const COMMAND = 'for-each-ref';
const PREFIX = 'refs/heads/';
const LINE_FEED = 0x0a;
const ID_LENGTH = 40;
// No file system has room for a longer name.
const MOST_LINE = 64 * 1024;

/** Branches of a mirror. */
@Injectable()
export class BranchesService {
  constructor(private readonly git: GitProcess) {}

  /** Ids of the commits that branches are at, each once. */
  async tips(directory: string, signal?: AbortSignal): Promise<string[]> {
    const tips = new Set<string>();
    for await (const { sha } of this.each(directory, signal)) tips.add(sha);
    return [...tips];
  }

  /** By the bytes of their names. */
  async *each(directory: string, signal?: AbortSignal): AsyncGenerator<Branch> {
    const args = [COMMAND, '--format=%(objectname) %(refname)', PREFIX];
    const child = await this.git.start({ directory, args, signal });
    const { stdin, stdout } = child.process;
    stdin.end();
    try {
      const source = new ByteSource(stdout as AsyncIterable<Buffer>);
      for (let line = await source.until(LINE_FEED, MOST_LINE); line; line = await source.until(LINE_FEED, MOST_LINE)) {
        if (line.whole) yield branchOf(line.bytes);
      }
    } finally {
      // The caller may have seen enough.
      if (!stdout.readableEnded) {
        stdout.destroy();
        child.stop('aborted');
      }
    }
    this.git.assertDone(await child.ended, COMMAND);
  }

  /** How a commit and another have parted; the walk is as long as the parting is old. Takes ids. */
  async divergence(directory: string, sha: string, other: string, signal: AbortSignal): Promise<Divergence> {
    if (sha === other) return { ahead: 0, behind: 0 };
    const args = ['rev-list', '--left-right', '--count', `${sha}...${other}`, '--'];
    const output = await this.git.run({ directory, args, input: '', signal });
    const [, ahead, behind] = /^(\d+)\t(\d+)\s*$/.exec(output.toString('latin1')) ?? [];
    if (ahead === undefined || behind === undefined) throw new GitFailed('damaged');
    return { ahead: Number(ahead), behind: Number(behind) };
  }
}

function branchOf(line: Buffer): Branch {
  const isBranch = line.toString('latin1', ID_LENGTH + 1, ID_LENGTH + 1 + PREFIX.length) === PREFIX;
  if (!isBranch) throw new GitFailed('damaged');
  // What is kept must not hold on to the whole of what was read.
  return {
    sha: line.toString('latin1', 0, ID_LENGTH),
    name: Buffer.from(line.subarray(ID_LENGTH + 1 + PREFIX.length)),
  };
}
