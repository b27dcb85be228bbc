import { once } from 'node:events';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { isId, newId } from '../ids.js';
import { FetchBackoff } from './fetch-backoff.js';
import { FetchSources } from './fetch-sources.service.js';
import { FetchTurns } from './fetch-turns.js';
import { FirstOrder } from './first-order.js';
import type { Mend } from './git-time.js';
import { GitProcess } from './git-process.js';
import {
  failureOf,
  faultOf,
  GitFailed,
  GitNotHere,
  GitRepositoryNotFound,
  MirrorNotReady,
  MirrorRebuilding,
} from './git.errors.js';
import { createMirror, fetchInto, isCutOff, pointHead, type FetchSource } from './mirror.js';
import { withMirrorLock } from './mirror-lock.js';
import {
  isWhole,
  keptBranches,
  rebuildMirror,
  removeKept,
  removeStaleLocks,
  type Branch as KeptBranch,
} from './mirror-repair.js';
import { MirrorRecords, type MirrorRecord } from './mirror-records.js';
import { isUnchanged, noteSource, sourceStateOf } from './source-state.js';
import { SourceSurveys, type SurveyedSource } from './source-survey.js';

const REMOTE_FRESH_MS = 10_000;
const LOCK_PATIENCE_MS = 10 * 60_000;
// A mirror that was found whole is not examined again for so long: its source may be what is damaged.
const EXAMINED_MS = 10 * 60_000;

const CUT_OFF = 'The source is a shallow clone: what is older than its oldest commits is not in it.';

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
  private readonly turns = new FetchTurns((repository_id, forced) => this.freshen(repository_id, forced));
  /** Mirrors in which git found something broken. */
  private readonly suspects = new Set<string>();
  private readonly examined = new Map<string, number>();
  private readonly backoff = new FetchBackoff();
  private readonly surveys: SourceSurveys;

  constructor(
    private readonly config: GitConfig,
    private readonly git: GitProcess,
    private readonly sources: FetchSources,
    private readonly records: MirrorRecords,
    private readonly firstOrder: FirstOrder,
  ) {
    this.surveys = new SourceSurveys(git);
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
   * Fetches unless that was done in the last 10 s; a local source whenever anything in it has changed, as people expect
   * to see the commit they have just made. Those who ask together share one fetch. A source that fails is left alone for
   * a while, in which it fails as it did.
   * Throws GitFailed, GitRepositoryNotFound or GitNotHere.
   */
  ensureFresh(repository_id: string): Promise<void> {
    return this.turns.enter(repository_id, false);
  }

  /** Fetches in any case, and examines what was found damaged lately. Throws as `ensureFresh`. */
  sync(repository_id: string): Promise<void> {
    this.examined.delete(repository_id);
    return this.turns.enter(repository_id, true);
  }

  /** The directory of the mirror as it is. Before the first fetch is done throws MirrorNotReady, or what it failed with. */
  async locate(repository_id: string): Promise<string> {
    const directory = this.directoryOf(repository_id);
    if (await exists(directory)) return directory;
    const last_error = this.turns.has(repository_id) ? null : (await this.record(repository_id)).last_error;
    throw last_error === null ? new MirrorNotReady() : failureOf(last_error);
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

  /**
   * For `withinGitTime`: mends a mirror in which something was found damaged. That goes on, should it take longer than
   * the request may: then throws MirrorRebuilding.
   */
  mending(id: string): Mend {
    return async (_, signal) => {
      if (signal.aborted || !(await exists(this.directoryOf(id)))) return false;
      // It may be examined at this very moment.
      if (this.isExamined(id) && !this.turns.has(id)) return false;
      if (this.backoff.find(id) !== null) return false;
      this.suspects.add(id);
      const mended = this.turns.enter(id, true).then(
        () => true,
        () => false,
      );
      const outcome = await Promise.race([mended, once(signal, 'abort')]);
      if (typeof outcome !== 'boolean') throw new MirrorRebuilding(id);
      return outcome;
    };
  }

  /** Deletes the mirror, with all that was pushed to it. */
  async remove(repository_id: string): Promise<void> {
    const directory = this.directoryOf(repository_id);
    this.suspects.delete(repository_id);
    this.backoff.forget(repository_id);
    if (!(await exists(directory))) return;
    await removeKept(directory);
    const aside = join(this.git.root, `.removed-${newId()}`);
    await withMirrorLock(`${directory}.lock`, LOCK_PATIENCE_MS, () => rename(directory, aside));
    await rm(aside, { recursive: true, force: true });
  }

  /** Branches of executions that are in damaged mirrors alone, which were kept for them. */
  keptBranches(repository_id: string): Promise<KeptBranch[]> {
    return keptBranches(this.directoryOf(repository_id));
  }

  private directoryOf(repository_id: string): string {
    if (!isId(repository_id)) throw new GitRepositoryNotFound();
    return join(this.git.root, `${repository_id}.git`);
  }

  /** Git found something broken in a repository: if that is a mirror, it is looked after at once, by itself. */
  private suspect(directory: string): void {
    const id = basename(directory, '.git');
    if (!isId(id) || directory !== this.directoryOf(id)) return;
    this.suspects.add(id);
    // A fetch that is under way looks after it itself.
    if (!this.isExamined(id) && !this.turns.has(id) && this.backoff.find(id) === null)
      this.turns.enter(id, true).catch(noop);
  }

  private isExamined(id: string): boolean {
    return performance.now() - (this.examined.get(id) ?? -Infinity) < EXAMINED_MS;
  }

  private isSuspected(id: string): boolean {
    return this.suspects.has(id) && !this.isExamined(id);
  }

  private async freshen(repository_id: string, forced: boolean): Promise<void> {
    const directory = this.directoryOf(repository_id);
    const suspected = this.isSuspected(repository_id);
    const fault = forced ? null : this.backoff.find(repository_id);
    if (fault !== null) throw fault;
    if (!forced && !suspected && (await this.isFresh(directory, await this.record(repository_id)))) return;
    await mkdir(this.git.root, { recursive: true, mode: 0o700 });
    await withMirrorLock(`${directory}.lock`, LOCK_PATIENCE_MS, async () => {
      // Read again: another process may have fetched while this one waited for the lock.
      const record = await this.record(repository_id);
      if (!forced && !suspected && (await this.isFresh(directory, record))) return;
      const began = performance.now();
      const { default_branch, notice } = await this.fetch(repository_id, record, forced).catch(
        async (error: unknown) => {
          const fault = faultOf(error);
          const calledOff = fault instanceof GitFailed && fault.reason === 'aborted';
          const took_ms = performance.now() - began;
          if (!calledOff) this.backoff.failed(repository_id, fault, { took_ms, local: record.source.kind === 'local' });
          if (!calledOff) await this.records.failed(repository_id, fault.detail);
          throw fault;
        },
      );
      this.backoff.forget(repository_id);
      await this.records.synced(repository_id, default_branch, notice);
    });
  }

  private async fetch(id: string, record: MirrorRecord, forced: boolean): Promise<SurveyedSource> {
    const began = performance.now();
    const directory = this.directoryOf(id);
    // Before it is read: what changes from here on is to be fetched another time.
    const state = await sourceStateOf(record);
    const surveyed = await this.surveys.look(id, await this.sources.find(id, record.source), record, forced);
    const { source, default_branch } = surveyed;
    const isNew = !(await exists(directory));
    if (isNew) await createMirror(this.git, directory, source);
    else await this.fetchOrMend(id, directory, source);
    if (default_branch !== null) await pointHead(this.git, directory, default_branch);
    if (isNew) await this.firstOrder.make(directory, default_branch);
    await noteSource(directory, state);
    this.logger.debug(`fetched ${directory} in ${String(Math.round(performance.now() - began))} ms`);
    const notices = [surveyed.notice, (await isCutOff(directory)) ? CUT_OFF : null].filter((one) => one !== null);
    return { ...surveyed, notice: notices.length === 0 ? null : notices.join(' ') };
  }

  private async fetchOrMend(id: string, directory: string, source: FetchSource): Promise<void> {
    if (this.isSuspected(id)) await this.mend(id, directory, source);
    try {
      await fetchInto(this.git, directory, source);
    } catch (error) {
      const locked = error instanceof GitFailed && error.reason === 'locked' && (await removeStaleLocks(directory));
      const mended = this.isSuspected(id) && (await this.mend(id, directory, source));
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
    const { saved, lost, kept } = await rebuildMirror(this.git, directory, source).finally(() => {
      // If it could not be rebuilt now, the next one tries again.
      this.examined.delete(id);
    });
    this.suspects.delete(id);
    this.logger.warn({ repository_id: id, saved, lost, kept }, 'a damaged mirror was rebuilt');
    await this.records.rebuilt(id, { saved, lost });
    return true;
  }

  private async record(repository_id: string): Promise<MirrorRecord> {
    const record = await this.records.find(repository_id);
    if (record === null) throw new GitRepositoryNotFound();
    return record;
  }

  private async isFresh(directory: string, record: MirrorRecord): Promise<boolean> {
    const { source, synced_ms_ago } = record;
    if (source.kind === 'local') return isUnchanged(directory, record);
    return synced_ms_ago !== null && synced_ms_ago <= REMOTE_FRESH_MS && exists(directory);
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
