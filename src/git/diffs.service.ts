import { Injectable } from '@nestjs/common';
import { DiffReader, type Diff, type DiffLimits } from './diff-output.js';
import { DIFF_SETTINGS, EMPTY_TREE, SAME_RENAMES } from './diff-settings.js';
import { GitProcess, type GitEnd } from './git-process.js';
import { isOutOfTime } from '../time-limit.js';
import { pathspecOf } from './shown-path.js';

export type { Diff };

export interface DiffOptions {
  /** Only this file, or what is below this directory; to the letter, as paths are shown. */
  path?: string;
  limits?: Partial<DiffLimits>;
}

const LIMITS: DiffLimits = { files: 300, file_bytes: 64 * 1024, total_bytes: 1024 * 1024 };

const COMMAND = 'diff-tree';

const OPTIONS = [
  '-r',
  '-z',
  '--raw',
  '--numstat',
  '--patch',
  // No program of anybody's, whatever attributes and settings say.
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
  '--full-index',
  ...SAME_RENAMES,
  '--submodule=short',
  '--ignore-submodules=none',
];

/** How commits of a mirror differ. */
@Injectable()
export class DiffsService {
  constructor(private readonly git: GitProcess) {}

  /**
   * What is to be done to get from `base` to `head`, which are ids of commits; without a base, from nothing. When time
   * is up, as `withinGitTime` has it, among the patches, those that were read are the answer. Throws GitFailed.
   */
  async between(
    directory: string,
    base: string | null,
    head: string,
    signal: AbortSignal,
    { path, limits }: DiffOptions = {},
  ): Promise<Diff> {
    const spec = path === undefined ? null : pathspecOf(path);
    const child = await this.git.start({
      directory,
      args: [
        ...(spec === null ? [] : [spec.option]),
        COMMAND,
        ...OPTIONS,
        base ?? EMPTY_TREE,
        head,
        '--',
        ...(spec === null ? [] : spec.specs),
      ],
      settings: DIFF_SETTINGS,
      signal,
    });
    const { stdin, stdout } = child.process;
    stdin.end();
    const reader = new DiffReader(stdout as AsyncIterable<Buffer>, { ...LIMITS, ...limits }, spec?.isWanted);
    const endEarly = (): Promise<GitEnd> => {
      stdout.destroy();
      child.stop('aborted');
      return child.ended;
    };
    let enough: boolean;
    try {
      await reader.readFiles();
      enough = await reader.readPatches();
    } catch (error) {
      // Where git itself has said less than it should, how it ended tells why.
      if (stdout.readableEnded) this.git.assertDone(await child.ended, COMMAND);
      await endEarly();
      throw error;
    }
    if (enough) await endEarly();
    else {
      const end = await child.ended;
      enough = end.stopped !== null && isOutOfTime(signal);
      if (!enough) this.git.assertDone(end, COMMAND);
    }
    return reader.result(enough);
  }
}
