import { Injectable } from '@nestjs/common';
import { CommitsService } from '../git/commits.service.js';
import { eachInTurn } from '../git/each-in-turn.js';
import { GitFailed, RefNotFound } from '../git/git.errors.js';
import { ObjectViews, type ObjectView } from '../git/object-views.service.js';
import { SnapshotsService } from '../git/snapshots.service.js';
import type { ExecutionSight } from './execution-sight.entity.js';
import type { ExecutionView } from './executions.service.js';
import { SightsStore } from './sights.store.js';

export type { ExecutionSight };

const AT_ONCE = 3;
/** What a damaged snapshot makes git fail with, also in words that are not known. */
const LOOKED_INTO = ['damaged', 'unknown'];

/** What workers have seen of executions, by their ids. */
export type Sightings = ReadonlyMap<string, ExecutionSight>;

/** What a running execution is at, as its worker has seen it in the checkout, as long as nothing was pushed since. */
@Injectable()
export class SightingsService {
  constructor(
    private readonly store: SightsStore,
    private readonly snapshots: SnapshotsService,
    private readonly commits: CommitsService,
    private readonly views: ObjectViews,
  ) {}

  /** Of these executions. Whether it can be read is another matter. */
  async find(executions: readonly ExecutionView[]): Promise<Sightings> {
    const running = executions.filter(({ status }) => status === 'running');
    const sights = running.length === 0 ? [] : await this.store.find(running.map(({ id }) => id));
    const newer = sights.filter(({ execution_id, seen_at }) => {
      const pushed_at = running.find(({ id }) => id === execution_id)?.pushed_at ?? null;
      return pushed_at === null || seen_at > pushed_at;
    });
    return new Map(newer.map((sight) => [sight.execution_id, sight]));
  }

  /**
   * Opens a view of the mirror, and of those sightings that are there. What is found damaged among them is put away, and
   * the work done once more without it. Throws GitFailed.
   */
  async read<T>(
    { repository_id, directory }: { repository_id: string; directory: string },
    sightings: Sightings,
    signal: AbortSignal,
    work: (view: ObjectView, sightings: Sightings) => Promise<T>,
  ): Promise<T> {
    for (let left = sightings; ;) {
      const of = [...left.values()].map(({ execution_id }) => ({ repository_id, execution_id }));
      const objects = await Promise.all(of.map((one) => this.snapshots.objectsOf(one)));
      const folders = objects.filter((folder) => folder !== null);
      try {
        return await this.views.open(directory, folders, async (view) =>
          work(view, await this.present(view, left, signal)),
        );
      } catch (error) {
        if (!(error instanceof GitFailed && LOOKED_INTO.includes(error.reason))) throw error;
        const sound = await this.sound(repository_id, left, signal);
        // Then it is something else that is damaged.
        if (sound.size === left.size) throw error;
        left = sound;
      }
    }
  }

  private async present(view: ObjectView, sightings: Sightings, signal: AbortSignal): Promise<Sightings> {
    const there = await eachInTurn(AT_ONCE, [...sightings], async (entry) => {
      try {
        await this.commits.resolve(view.directory, entry[1].commit_sha, signal);
        return [entry];
      } catch (error) {
        if (error instanceof RefNotFound) return [];
        throw error;
      }
    });
    return new Map(there.flat());
  }

  private async sound(repository_id: string, sightings: Sightings, signal: AbortSignal): Promise<Sightings> {
    const sound = await eachInTurn(AT_ONCE, [...sightings], async (entry) => {
      const { execution_id, commit_sha } = entry[1];
      const isGone = await this.snapshots.putAwayDamaged({ repository_id, execution_id }, commit_sha, signal);
      return isGone ? [] : [entry];
    });
    return new Map(sound.flat());
  }
}
