import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { faultOf, GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { endsOf, hashOf } from './history-ends.js';
import { changedRecords, HistoryFile, writeHistory } from './history-file.js';
import { AwaitedWork } from './awaited-work.js';
import { TRUE_TIMES } from './commit-time.js';
import { WalkedCommits } from './walked-commits.js';

const HISTORIES = 'history';
const EXTENSION = '.commits';
/** Histories kept of one mirror: all branches, the default branch, and some that were looked at lately. */
const KEPT = 12;
const TOUCHED_EVERY_MS = 60_000;
const DRAFT_AGE_MS = 60 * 60_000;
/** A history that differs from a known one by more commits than this is walked from the beginning. */
const MOST_CHANGES = 50_000;
/** In git's own order it tells as it walks, and what it tells is taken in meanwhile. */
const WALK = ['rev-list', '--timestamp', '--parents'];

/**
 * Histories of a mirror in the order of time: the commits that some commits and their ancestors are. Git finds that order only
 * by a walk from the newest commit to the one in question, so it is kept in a file beside the mirror. What has come and gone since an
 * earlier history is all that is walked for the next.
 */
@Injectable()
export class HistoriesService {
  private readonly walks = new AwaitedWork();

  constructor(private readonly git: GitProcess) {}

  /**
   * The history that begins at these commits; null when that is nothing. Who has it closes it. A walk that nobody
   * waits for any more is ended. Throws GitFailed.
   */
  async open(directory: string, tips: readonly string[], signal: AbortSignal): Promise<HistoryFile | null> {
    const sorted = [...new Set(tips)].sort();
    if (sorted.length === 0) return null;
    const path = join(directory, HISTORIES, `${await endsOf(directory)}-${hashOf(sorted.join('\n'))}${EXTENSION}`);
    const present = await HistoryFile.open(path);
    if (present !== null) {
      await touch(path);
      return present;
    }
    await this.walks.join(path, signal, (ended) => this.make(directory, path, sorted, ended));
    const made = await HistoryFile.open(path);
    if (made === null) throw new GitFailed('unknown');
    return made;
  }

  private async make(directory: string, path: string, tips: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      await mkdir(join(directory, HISTORIES), { recursive: true, mode: 0o700 });
      const base = await largest(join(directory, HISTORIES), basename(path).split('-')[0] ?? '');
      const isDone = base !== null && (await this.change(directory, base, path, tips, signal));
      if (!isDone) {
        const walked = await this.walk(directory, tips, [], signal);
        await writeHistory(path, tips, walked?.records() ?? []);
      }
      await removeOldest(join(directory, HISTORIES));
    } catch (error) {
      throw signal.aborted ? error : faultOf(error);
    }
  }

  /** Makes a history of an earlier one; false when that is not worth it, or the earlier one is of what is gone. */
  private async change(
    directory: string,
    base: HistoryFile,
    path: string,
    tips: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const before = await base.tips();
      const gone = await this.walk(directory, before, tips, signal, MOST_CHANGES);
      const come = gone && (await this.walk(directory, tips, before, signal, MOST_CHANGES));
      if (!gone || !come) return false;
      const [without, added] = [await depthsOf(gone, base), await depthsOf(come, base)];
      if (without === null || added === null) return false;
      await writeHistory(path, tips, changedRecords(base.batches(), gone.positions(without), come.positions(added)));
      return true;
    } catch (error) {
      // A commit that it began at may have been removed from the mirror; the walk from the beginning tells.
      if (error instanceof GitFailed && error.reason === 'damaged') return false;
      throw error;
    } finally {
      await base.close();
    }
  }

  /** The commits that are reached from some and not from others; null when there are more than `most`. */
  private async walk(
    directory: string,
    from: readonly string[],
    without: readonly string[],
    signal: AbortSignal,
    most = Infinity,
  ): Promise<WalkedCommits | null> {
    const input = [...from, ...without.map((id) => `^${id}`)].map((line) => `${line}\n`).join('');
    const args = [...WALK, ...(without.length > 0 ? ['--boundary'] : []), '--stdin', '--'];
    // Who waits for it has a limit of their own; what is made after a fetch may take its time.
    const child = await this.git.start({ directory, args, input, signal, settings: TRUE_TIMES, timeout_ms: 0 });
    const { stdout } = child.process;
    const commits = new WalkedCommits();
    try {
      for await (const part of stdout as AsyncIterable<Buffer>) {
        commits.take(part);
        if (commits.length > most) return null;
      }
    } finally {
      if (!stdout.readableEnded) {
        stdout.destroy();
        child.stop('aborted');
      }
      await child.ended;
    }
    this.git.assertDone(await child.ended, 'rev-list');
    return commits;
  }
}

/** Depths of the commits that a walk ended at, which are in the history that it ended at; null when they are not. */
async function depthsOf(walked: WalkedCommits, base: HistoryFile): Promise<Map<string, number> | null> {
  const depths = new Map<string, number>();
  for (const [sha, at] of walked.boundary) {
    const depth = await base.depthOf(at, sha);
    if (depth === null) return null;
    depths.set(sha, depth);
  }
  return depths;
}

interface KeptFile {
  path: string;
  size: number;
  used_at: number;
}

async function filesIn(folder: string): Promise<KeptFile[]> {
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name);
      const status = await stat(path).catch(() => null);
      return status === null ? [] : [{ path, size: status.size, used_at: status.mtimeMs }];
    }),
  );
  return files.flat();
}

const isHistory = ({ path }: KeptFile): boolean => path.endsWith(EXTENSION);

/** The longest history is the one that others of the same ends are made of with the least work. */
async function largest(folder: string, ends: string): Promise<HistoryFile | null> {
  const files = (await filesIn(folder))
    .filter((file) => isHistory(file) && basename(file.path).startsWith(`${ends}-`))
    .sort((a, b) => b.size - a.size || b.used_at - a.used_at);
  return files[0] === undefined ? null : HistoryFile.open(files[0].path);
}

async function removeOldest(folder: string): Promise<void> {
  const files = (await filesIn(folder)).sort((a, b) => b.used_at - a.used_at);
  const drafts = files.filter((file) => !isHistory(file) && file.used_at < Date.now() - DRAFT_AGE_MS);
  for (const { path } of [...files.filter(isHistory).slice(KEPT), ...drafts]) await rm(path, { force: true });
}

async function touch(path: string): Promise<void> {
  const status = await stat(path).catch(() => null);
  const now = new Date();
  // One that was removed meanwhile is read to its end all the same.
  if (status !== null && now.getTime() - status.mtimeMs > TOUCHED_EVERY_MS)
    await utimes(path, now, now).catch(() => undefined);
}
