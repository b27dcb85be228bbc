import { Injectable } from '@nestjs/common';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { Partings, type Divergence } from './partings.js';
import { RememberedRefs } from './remembered-refs.js';

export type { Divergence };

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

  /**
   * How commits have parted from another one; null for what there was no time for when `patience` was over. One walk
   * for all of them, which ends where their histories have come together. Takes ids.
   */
  async divergences(
    directory: string,
    base: string,
    shas: readonly string[],
    signal: AbortSignal,
    patience: AbortSignal,
  ): Promise<Map<string, Divergence | null>> {
    const tips = [...new Set([base, ...shas])];
    const partings = new Partings(tips);
    if (partings.isOver) return partings.result(true);
    const args = ['rev-list', '--topo-order', '--parents', '--stdin', '--'];
    const input = tips.map((tip) => `${tip}\n`).join('');
    const child = await this.git.start({ directory, args, input, signal: AbortSignal.any([signal, patience]) });
    const { stdout } = child.process;
    let rest = '';
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [sha = '', ...parents] = line.split(' ');
        partings.add(sha, parents);
      }
      if (partings.isOver) break;
    }
    if (partings.isOver) {
      stdout.destroy();
      child.stop('aborted');
    }
    const end = await child.ended;
    signal.throwIfAborted();
    if (!partings.isOver && end.stopped !== 'aborted') this.git.assertDone(end, 'rev-list');
    return partings.result(end.stopped === null);
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
