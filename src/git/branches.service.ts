import { Injectable } from '@nestjs/common';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { RememberedRefs } from './remembered-refs.js';

/** A branch of a mirror. */
export interface Branch {
  /** Its name as git has it, which need not be UTF-8. */
  name: Buffer;
  sha: string;
}

interface Branches {
  all: readonly Branch[];
  /** Ids of the commits that they are at, each once. */
  tips: readonly string[];
}

const COMMAND = 'for-each-ref';
const PREFIX = 'refs/heads/';
const LINE_FEED = 0x0a;
const ID_LENGTH = 40;
const MAX_BYTES = 128 * 1024 * 1024;

/** Branches of a mirror. */
@Injectable()
export class BranchesService {
  private readonly remembered = new RememberedRefs<Branches>(({ all }) => all.length);

  constructor(private readonly git: GitProcess) {}

  /** Ids of the commits that branches are at, each once. */
  async tips(directory: string, signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.read(directory, signal)).tips;
  }

  /** By the bytes of their names. */
  async list(directory: string, signal?: AbortSignal): Promise<readonly Branch[]> {
    return (await this.read(directory, signal)).all;
  }

  private read(directory: string, signal?: AbortSignal): Promise<Branches> {
    return this.remembered.read(directory, async () => {
      const args = [COMMAND, '--format=%(objectname) %(refname)', PREFIX];
      const output = await this.git.run({ directory, args, input: '', max_bytes: MAX_BYTES, signal });
      const all = branchesIn(output);
      return { all, tips: [...new Set(all.map(({ sha }) => sha))].sort() };
    });
  }
}

function branchesIn(output: Buffer): Branch[] {
  const branches: Branch[] = [];
  for (let at = 0, end = output.indexOf(LINE_FEED); end >= 0; at = end + 1, end = output.indexOf(LINE_FEED, at)) {
    const name = at + ID_LENGTH + 1;
    const isBranch = output.toString('latin1', name, name + PREFIX.length) === PREFIX;
    if (!isBranch) throw new GitFailed('damaged');
    branches.push({
      sha: output.toString('latin1', at, at + ID_LENGTH),
      // What is kept must not hold on to the whole of what was read.
      name: Buffer.from(output.subarray(name + PREFIX.length, end)),
    });
  }
  return branches;
}
