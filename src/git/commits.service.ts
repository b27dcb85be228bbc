import { Injectable } from '@nestjs/common';
import { causeOf } from './git-causes.js';
import { GitProcess } from './git-process.js';
import { GitFailed, RefNotFound } from './git.errors.js';
import { parseCommit, type CommitObject } from './commit-object.js';
import { splitObjects } from './object-stream.js';

/** A commit's place in the history: its committer time in seconds, and its id. */
export interface CommitPosition {
  at: number;
  sha: string;
}

const KEPT_OF_A_COMMIT = 64 * 1024;
const SHA = /^[0-9a-f]{40}$/;
// The rules of git-check-ref-format(1), which leave no room for revision syntax or for options.
const FORBIDDEN_IN_REF = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^[-/.]|[/.]$|\.lock(\/|$)/;

/** Whether the text can be the name of a branch or tag, or a commit's id. */
export const isRefName = (text: string): boolean => text !== '@' && text.length <= 255 && !FORBIDDEN_IN_REF.test(text);

/** Commits of a mirror. Every failure of git is an error; an empty repository has none. */
@Injectable()
export class CommitsService {
  constructor(private readonly git: GitProcess) {}

  /** Id of the commit that a branch, tag or commit id names. Throws RefNotFound. */
  async resolve(directory: string, ref: string, signal?: AbortSignal): Promise<string> {
    if (!isRefName(ref)) throw new RefNotFound();
    // Branches before tags and anything else that may bear the same name; but a whole id is that commit's alone.
    for (const name of SHA.test(ref) ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`, ref]) {
      const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
      const child = await this.git.start({ directory, args, signal });
      const chunks: Buffer[] = [];
      child.process.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      const end = await child.ended;
      const sha = Buffer.concat(chunks).toString('latin1').trim();
      if (end.code === 0 && SHA.test(sha)) return sha;
      if (end.stopped !== null || causeOf(end.stderr) === 'damaged') this.git.assertDone(end, 'rev-parse');
    }
    throw new RefNotFound();
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

  /** Every commit of the branches, or of one commit and its ancestors; newest first by instant, then by id. */
  async order(directory: string, tip: string | null, signal?: AbortSignal): Promise<CommitPosition[]> {
    const child = await this.git.start({
      directory,
      args: ['rev-list', '--timestamp', ...(tip === null ? ['--branches'] : [tip]), '--'],
      signal,
    });
    child.process.stdin.end();
    const positions: CommitPosition[] = [];
    let rest = '';
    for await (const chunk of child.process.stdout as AsyncIterable<Buffer>) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) positions.push(positionOf(line));
    }
    this.git.assertDone(await child.ended, 'rev-list');
    // Git walks from child to parent; a parent may claim to be younger, so only a sort gives the order of instants.
    return positions.sort(newestFirst);
  }

  /** The commits of these ids, in their order. */
  async read(directory: string, shas: readonly string[], signal?: AbortSignal): Promise<CommitObject[]> {
    if (shas.length === 0) return [];
    const input = shas.map((sha) => `${sha}\n`).join('');
    const child = await this.git.start({ directory, args: ['cat-file', '--batch'], input, signal });
    const { stdout } = child.process;
    const commits: CommitObject[] = [];
    try {
      for await (const { sha, content } of splitObjects(stdout as AsyncIterable<Buffer>, KEPT_OF_A_COMMIT)) {
        commits.push(parseCommit(sha, content));
      }
    } catch (error) {
      stdout.destroy();
      const { stopped } = await child.ended;
      throw stopped === null ? error : new GitFailed(stopped);
    }
    this.git.assertDone(await child.ended, 'cat-file');
    return commits;
  }
}

function positionOf(line: string): CommitPosition {
  const [at = '', sha = ''] = line.split(' ');
  if (!SHA.test(sha)) throw new GitFailed('damaged');
  return { at: Number(at), sha };
}

/** Newest first; of the same second, by id, so that the order is total. */
export const newestFirst = (a: CommitPosition, b: CommitPosition): number =>
  b.at - a.at || (a.sha < b.sha ? 1 : a.sha > b.sha ? -1 : 0);
