import { Injectable } from '@nestjs/common';
import { CommitsService } from './commits.service.js';
import { GitProcess } from './git-process.js';
import { MirrorNotReady, RefNotFound } from './git.errors.js';
import { MirrorsService } from './mirrors.service.js';
import { refNameOf } from './ref-name.js';

/** No more than this are named. */
const MOST = 100;
const OWN_BRANCHES = 'refs/heads/task/';
const LINE_FEED = 0x0a;

/** What executions have pushed and nobody has merged: a mirror alone has it. */
@Injectable()
export class UnmergedBranches {
  constructor(
    private readonly git: GitProcess,
    private readonly mirrors: MirrorsService,
    private readonly commits: CommitsService,
  ) {}

  /**
   * Names of branches of executions with commits that the default branch has not, the first hundred; those among them
   * that only a damaged mirror has, which is kept for them. None where there is no mirror. Throws GitNotHere, GitFailed.
   */
  async list(repositoryId: string, defaultBranch: string | null, signal: AbortSignal): Promise<string[]> {
    this.mirrors.assertHere();
    const directory = await this.mirrors.locate(repositoryId).catch((error: unknown) => {
      if (error instanceof MirrorNotReady) return null;
      throw error;
    });
    const base = directory && (await this.base(directory, defaultBranch, signal));
    const unmerged = directory === null ? [] : await this.unmerged(directory, base, signal);
    const names = new Set(unmerged);
    for (const { ref, sha } of await this.mirrors.keptBranches(repositoryId))
      if (!(await this.isMerged(directory, sha, base, signal))) names.add(ref.replace('refs/heads/', ''));
    return [...names].sort().slice(0, MOST);
  }

  private async unmerged(directory: string, base: string | null, signal: AbortSignal): Promise<string[]> {
    const args = ['for-each-ref', `--count=${String(MOST)}`, '--format=%(refname:lstrip=2)'];
    if (base !== null) args.push(`--no-merged=${base}`);
    const output = await this.git.run({ directory, args: [...args, OWN_BRANCHES], input: '', signal });
    const names: string[] = [];
    for (let at = 0, end = output.indexOf(LINE_FEED); end >= 0; at = end + 1, end = output.indexOf(LINE_FEED, at))
      names.push(refNameOf(output.subarray(at, end)));
    return names;
  }

  /** Of what is lost it cannot be told, so that it is not. */
  private async isMerged(
    directory: string | null,
    sha: string,
    base: string | null,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (directory === null || base === null || sha === '') return false;
    const child = await this.git.start({ directory, args: ['merge-base', '--is-ancestor', sha, base], signal });
    child.process.stdin.end();
    child.process.stdout.resume();
    return (await child.ended).code === 0;
  }

  private async base(directory: string, branch: string | null, signal: AbortSignal): Promise<string | null> {
    try {
      return branch === null ? null : await this.commits.resolve(directory, `refs/heads/${branch}`, signal);
    } catch (error) {
      if (error instanceof RefNotFound) return null;
      throw error;
    }
  }
}
