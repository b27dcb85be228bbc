import { access, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { isId, newId } from '../ids.js';
import { FetchSources } from './fetch-sources.service.js';
import { FirstOrder } from './first-order.js';
import { GitProcess } from './git-process.js';
import { faultOf, GitFailed, GitNotHere, GitRepositoryNotFound, MirrorNotReady } from './git.errors.js';
import { createMirror, defaultBranchOf, fetchInto, pointHead, type FetchSource } from './mirror.js';
import { withMirrorLock } from './mirror-lock.js';
import { isWhole, rebuildMirror, removeKept, removeStaleLocks } from './mirror-repair.js';
import { MirrorRecords, type MirrorRecord } from './mirror-records.js';

const REMOTE_FRESH_MS = 10_000;
const LOCK_PATIENCE_MS = 10 * 60_000;
// A mirror that was found whole is not examined again for so long: its source may be what is damaged.
const EXAMINED_MS = 10 * 60_000;

/** A fetch under way, and the one that those who came too late for it wait for. */
interface Turn {
  running: Promise<void>;
  next: Promise<void> | null;
  nextForced: boolean;
}

/** How long to wait for a fetch. */
export interface Patience {
  /** For the first one, without which there is nothing. */
  first_ms: number;
  /** For a later one, which only brings what is there up to date. */
  fresh_ms: number;
}

/** Bare mirrors at `GIT_ROOT/<repository id>.git`. The server owns nothing but these. */
@Injectable()
export class MirrorsService {
  private readonly logger = new Logger(MirrorsService.name);
  private readonly turns = new Map<string, Turn>();
  /** Mirrors in which git found something broken. */
  private readonly suspects = new Set<string>();
  private readonly examined = new Map<string, number>();

  constructor(
    private readonly config: GitConfig,
    private readonly git: GitProcess,
    private readonly sources: FetchSources,
    private readonly records: MirrorRecords,
    private readonly firstOrder: FirstOrder,
  ) {
    git.watchDamage((directory) => this.suspect(directory));
  }

  /** Whether this process has a place for mirrors. */
  get here(): boolean {
    return this.config.root !== '';
  }

  /** Throws GitNotHere where `here` is false. */
  assertHere(): void {
    if (!this.here) throw new GitNotHere();
  }

  /**
   * Fetches unless that was done in the last 10 s; a local source always, as that costs little and people expect
   * to see the commit they have just made. Those who ask together share one fetch.
   * Throws GitFailed, GitRepositoryNotFound or GitNotHere.
   */
  ensureFresh(repository_id: string): Promise<void> {
    return this.enter(repository_id, false);
  }

  /** Fetches in any case. Throws as `ensureFresh`. */
  sync(repository_id: string): Promise<void> {
    return this.enter(repository_id, true);
  }

  /** The directory of the mirror as it is. Throws MirrorNotReady before the first fetch is done. */
  async locate(repository_id: string): Promise<string> {
    const directory = this.directoryOf(repository_id);
    if (await exists(directory)) return directory;
    throw new MirrorNotReady();
  }

  /**
   * The directory of the mirror, as fresh as patience allows: when the source is slow or fails, what was fetched
   * before is better than nothing (the repository's status says so). Throws MirrorNotReady, or what the first
   * fetch failed with.
   */
  async open(repository_id: string, patience: Patience): Promise<string> {
    const directory = this.directoryOf(repository_id);
    const patience_ms = (await exists(directory)) ? patience.fresh_ms : patience.first_ms;
    const fresh = this.ensureFresh(repository_id);
    const outcome = await Promise.race([fresh.then(() => null, asError), elapsed(patience_ms)]);
    const gone = outcome instanceof GitRepositoryNotFound;
    if (!gone && (await exists(directory))) return directory;
    throw outcome instanceof Error ? outcome : new MirrorNotReady();
  }

  /** Deletes the mirror, with all that was pushed to it. */
  async remove(repository_id: string): Promise<void> {
    const directory = this.directoryOf(repository_id);
    this.suspects.delete(repository_id);
    if (!(await exists(directory))) return;
    await removeKept(directory);
    const aside = join(this.git.root, `.removed-${newId()}`);
    await withMirrorLock(`${directory}.lock`, LOCK_PATIENCE_MS, () => rename(directory, aside));
    await rm(aside, { recursive: true, force: true });
  }

  private directoryOf(repository_id: string): string {
    if (!isId(repository_id)) throw new GitRepositoryNotFound();
    return join(this.git.root, `${repository_id}.git`);
  }

  private enter(repository_id: string, forced: boolean): Promise<void> {
    const turn = this.turns.get(repository_id);
    if (turn === undefined) return this.begin(repository_id, forced);
    // The fetch under way may have read the source before what the caller wants to see was there.
    turn.nextForced ||= forced;
    turn.next ??= turn.running.then(noop, noop).then(() => this.begin(repository_id, turn.nextForced));
    return turn.next;
  }

  private begin(repository_id: string, forced: boolean): Promise<void> {
    const running = this.freshen(repository_id, forced);
    const turn: Turn = { running, next: null, nextForced: false };
    this.turns.set(repository_id, turn);
    const leave = (): void => {
      if (this.turns.get(repository_id) === turn && turn.next === null) this.turns.delete(repository_id);
    };
    running.then(leave, leave);
    return running;
  }

  /** Git found something broken in a repository: if that is a mirror, it is looked after at once, by itself. */
  private suspect(directory: string): void {
    const id = basename(directory, '.git');
    if (!isId(id) || directory !== this.directoryOf(id)) return;
    const examined = this.examined.get(id) ?? -Infinity;
    if (performance.now() - examined < EXAMINED_MS) return;
    this.suspects.add(id);
    // A fetch that is under way looks after it itself.
    if (!this.turns.has(id)) this.enter(id, true).catch(noop);
  }

  private async freshen(repository_id: string, forced: boolean): Promise<void> {
    const directory = this.directoryOf(repository_id);
    const suspected = this.suspects.has(repository_id);
    if (!forced && !suspected && (await this.isFresh(directory, await this.record(repository_id)))) return;
    await mkdir(this.git.root, { recursive: true, mode: 0o700 });
    await withMirrorLock(`${directory}.lock`, LOCK_PATIENCE_MS, async () => {
      // Read again: another process may have fetched while this one waited for the lock.
      const record = await this.record(repository_id);
      if (!forced && !suspected && (await this.isFresh(directory, record))) return;
      const branch = await this.fetch(repository_id, record).catch(async (error: unknown) => {
        const fault = faultOf(error);
        const calledOff = fault instanceof GitFailed && fault.reason === 'aborted';
        if (!calledOff) await this.records.failed(repository_id, fault.detail);
        throw fault;
      });
      await this.records.synced(repository_id, branch);
    });
  }

  private async fetch(id: string, record: MirrorRecord): Promise<string | null> {
    const began = performance.now();
    const directory = this.directoryOf(id);
    const source = await this.sources.find(id, record.source);
    const isNew = !(await exists(directory));
    if (isNew) await createMirror(this.git, directory, source);
    else await this.fetchOrMend(id, directory, source);
    const branch = record.default_branch ?? (await defaultBranchOf(this.git, directory, source));
    if (branch !== null) await pointHead(this.git, directory, branch);
    if (isNew) await this.firstOrder.make(directory, branch);
    this.logger.debug(`fetched ${directory} in ${String(Math.round(performance.now() - began))} ms`);
    return branch;
  }

  private async fetchOrMend(id: string, directory: string, source: FetchSource): Promise<void> {
    if (this.suspects.has(id)) await this.mend(id, directory, source);
    try {
      await fetchInto(this.git, directory, source);
    } catch (error) {
      const locked = error instanceof GitFailed && error.reason === 'locked' && (await removeStaleLocks(directory));
      const mended = this.suspects.has(id) && (await this.mend(id, directory, source));
      if (!locked && !mended) throw error;
      await fetchInto(this.git, directory, source);
    }
  }

  /** Rebuilds a mirror if it is damaged; tells whether it was. */
  private async mend(id: string, directory: string, source: FetchSource): Promise<boolean> {
    // From here on it is as it is; what is found broken in it while it is examined is no news.
    this.examined.set(id, performance.now());
    if (await isWhole(this.git, directory)) {
      this.suspects.delete(id);
      return false;
    }
    const { saved, lost, kept } = await rebuildMirror(this.git, directory, source);
    this.suspects.delete(id);
    this.examined.delete(id);
    this.logger.warn({ repository_id: id, saved, lost, kept }, 'a damaged mirror was rebuilt');
    await this.records.rebuilt(id, { saved, lost });
    return true;
  }

  private async record(repository_id: string): Promise<MirrorRecord> {
    const record = await this.records.find(repository_id);
    if (record === null) throw new GitRepositoryNotFound();
    return record;
  }

  private async isFresh(directory: string, { source, synced_ms_ago }: MirrorRecord): Promise<boolean> {
    if (source.kind === 'local' || synced_ms_ago === null || synced_ms_ago > REMOTE_FRESH_MS) return false;
    return exists(directory);
  }
}

const noop = (): void => undefined;

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const elapsed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
