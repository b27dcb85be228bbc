import { Injectable } from '@nestjs/common';
import { causeOf } from './git-causes.js';
import { GitProcess } from './git-process.js';
import { GitFailed, RefNotFound } from './git.errors.js';
import { claimedSecond, instantOf, TRUE_TIMES } from './commit-time.js';
import { exactRefs } from './exact-refs.js';
import { KEPT_OF_A_COMMIT, parseCommit, type CommitObject } from './commit-object.js';
import { splitObjects } from './object-stream.js';
import { isRefName } from './ref-name.js';

const SHA = /^[0-9a-f]{40}$/;
const HEX = /^[0-9a-f]{4,40}$/;

/** Commits of a mirror. Every failure of git is an error; an empty repository has none. */
@Injectable()
export class CommitsService {
  constructor(private readonly git: GitProcess) {}

  /**
   * Id of the commit that a branch, tag or commit id names; what begins with `refs/` is a full name and nothing else.
   * Throws RefNotFound.
   */
  async resolve(directory: string, ref: string, signal?: AbortSignal): Promise<string> {
    // A whole id is that commit's alone, whatever else bears the name.
    const sha = SHA.test(ref)
      ? await this.idOf(directory, ref, signal)
      : ((await this.named(directory, ref, signal)) ?? (await this.digits(directory, ref, signal)));
    if (sha === null) throw new RefNotFound();
    return sha;
  }

  /** The whole id of a commit of which some of the first digits are given. Throws RefNotFound, also for several. */
  async find(directory: string, digits: string, signal?: AbortSignal): Promise<string> {
    const sha = await this.digits(directory, digits, signal);
    if (sha === null) throw new RefNotFound();
    return sha;
  }

  /** The commit of a branch, else of a tag. */
  private async named(directory: string, ref: string, signal?: AbortSignal): Promise<string | null> {
    if (!isRefName(ref)) return null;
    const names = ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
    for (const found of await exactRefs(this.git, directory, names, signal)) {
      const sha = found?.type === 'commit' ? found.sha : found && (await this.idOf(directory, found.sha, signal));
      if (sha !== null) return sha;
    }
    return null;
  }

  private async digits(directory: string, digits: string, signal?: AbortSignal): Promise<string | null> {
    const sha = HEX.test(digits) ? await this.idOf(directory, digits, signal) : null;
    // A branch may have a name that looks like an id.
    return sha?.startsWith(digits) === true ? sha : null;
  }

  /** Takes nothing but an id or its first digits: of any other name git makes what it likes. */
  private async idOf(directory: string, name: string, signal?: AbortSignal): Promise<string | null> {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
    const child = await this.git.start({ directory, args, signal });
    child.process.stdin.end();
    const chunks: Buffer[] = [];
    child.process.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const end = await child.ended;
    const sha = Buffer.concat(chunks).toString('latin1').trim();
    if (end.code === 0 && SHA.test(sha)) return sha;
    if (end.stopped !== null || causeOf(end.stderr) === 'damaged') this.git.assertDone(end, 'rev-parse');
    return null;
  }

  /**
   * The commits that one follows, those that a shallow mirror has, and when it was committed, as histories have it. Takes
   * an id.
   */
  async place(directory: string, sha: string, signal?: AbortSignal): Promise<{ parents: string[]; at: Date }> {
    const args = ['rev-list', '--timestamp', '--parents', '--max-count=1', sha, '--'];
    const output = await this.git.run({ directory, args, input: '', settings: TRUE_TIMES, signal });
    const [second = '', found, ...parents] = output.toString('latin1').trim().split(' ');
    if (found !== sha) throw new GitFailed('damaged');
    return { parents, at: instantOf(claimedSecond(second)) };
  }

  /** The last commit that both have in their histories, of several the best; null when they have none. Takes ids. */
  async mergeBase(directory: string, one: string, other: string, signal?: AbortSignal): Promise<string | null> {
    const child = await this.git.start({ directory, args: ['merge-base', one, other], signal });
    child.process.stdin.end();
    const chunks: Buffer[] = [];
    child.process.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const end = await child.ended;
    const sha = Buffer.concat(chunks).toString('latin1').trim();
    const nothingInCommon = end.stopped === null && end.code === 1 && sha === '' && end.stderr === '';
    if (!nothingInCommon) this.git.assertDone(end, 'merge-base');
    return SHA.test(sha) ? sha : null;
  }

  /** The commits of these ids, in their order, as git gives them. */
  async *each(directory: string, shas: readonly string[], signal?: AbortSignal): AsyncGenerator<CommitObject> {
    if (shas.length === 0) return;
    const input = shas.map((sha) => `${sha}\n`).join('');
    const child = await this.git.start({ directory, args: ['cat-file', '--batch'], input, signal });
    const { stdout } = child.process;
    const { begin, end } = KEPT_OF_A_COMMIT;
    try {
      for await (const { sha, content } of splitObjects(stdout as AsyncIterable<Buffer>, begin, end)) {
        yield parseCommit(sha, content);
      }
    } catch (error) {
      stdout.destroy();
      const { stopped } = await child.ended;
      throw stopped === null ? error : new GitFailed(stopped);
    } finally {
      // The caller may have seen enough.
      if (!stdout.readableEnded) {
        stdout.destroy();
        child.stop('aborted');
      }
    }
    this.git.assertDone(await child.ended, 'cat-file');
  }

  /** The commits of these ids, in their order. */
  async read(directory: string, shas: readonly string[], signal?: AbortSignal): Promise<CommitObject[]> {
    const commits: CommitObject[] = [];
    for await (const commit of this.each(directory, shas, signal)) commits.push(commit);
    return commits;
  }
}
