import { createWriteStream } from 'node:fs';
import { readdir, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Injectable, Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { isId } from '../ids.js';
import { NoSlot, Slots } from '../slots.js';
import { isOutOfTime, withLimit } from '../time-limit.js';
import { causeOf } from './git-causes.js';
import { GitFailed, GitRequestRefused, NoRoomForSnapshots, SnapshotsBusy, SnapshotUnknown } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { MirrorsService } from './mirrors.service.js';
import { ObjectViews, type ObjectView } from './object-views.service.js';
import { unlessAborted } from './patience.js';
import { SnapshotPacks } from './snapshot-packs.js';

const FOLDER = '.snapshots';
const PACKS = 'objects/pack';
const RECEIVED = 'pack-received';
const MOST_BYTES = 80 * 1024 * 1024;
const TAKEN_WITHIN_MS = 60_000;
/** Of one execution, those included that are kept for who reads them; no runner sends as much in that time. */
const MOST_KEPT_BYTES = 4 * MOST_BYTES;
/** So many are looked into at once; those that wait longer come again. */
const AT_ONCE = Math.min(4, availableParallelism());
const LINE = { waiting: 64, milliseconds: 10_000 };
/** Called off, or in want of something, it has told nothing of what it read. */
const TELLS_NOTHING = ['timeout', 'aborted', 'disk_full', 'too_large'];

/** Which execution a snapshot is of. */
export interface SnapshotOf {
  repository_id: string;
  execution_id: string;
}

/** What the checkout of an execution holds, as its worker has seen it. */
export interface TakenSnapshot extends SnapshotOf {
  commit: string;
  /** A pack of what the repository does not have; nothing when it is the commit of before. */
  body: AsyncIterable<Buffer>;
}

/**
 * What running executions have not pushed yet, in folders of objects beside the mirrors, one for each execution: no list of
 * branches or commits knows of it, no fetch prunes it, and it goes as a whole.
 */
@Injectable()
export class SnapshotsService {
  private readonly logger = new Logger(SnapshotsService.name);
  /** Executions whose snapshot is being taken. */
  private readonly taking = new Set<string>();
  private readonly slots = new Slots(AT_ONCE, LINE);
  /** Examinations under way, by execution. */
  private readonly examining = new Map<string, Promise<boolean>>();

  constructor(
    private readonly git: GitProcess,
    private readonly mirrors: MirrorsService,
    private readonly views: ObjectViews,
    private readonly config: GitConfig,
  ) {}

  /**
   * Throws GitNotHere, MirrorNotReady, SnapshotUnknown, SnapshotsBusy, NoRoomForSnapshots, GitRequestRefused for what is no
   * sound pack, and GitFailed.
   */
  async take(snapshot: TakenSnapshot): Promise<void> {
    const { execution_id } = snapshot;
    // One after the other, as what is kept is counted before.
    if (this.taking.has(execution_id)) throw new SnapshotsBusy('A snapshot of this execution is being taken.');
    this.taking.add(execution_id);
    try {
      await this.takeNext(snapshot);
    } finally {
      this.taking.delete(execution_id);
    }
  }

  private async takeNext({ commit, body, ...of }: TakenSnapshot): Promise<void> {
    const mirror = await this.mirrors.locate(of.repository_id);
    const packs = this.packsOf(of);
    if ((await packs.removeOld()) > MOST_KEPT_BYTES)
      throw new SnapshotsBusy('Snapshots of this execution come too fast for their size.');
    await this.assertRoom();
    // Beside those of before: a pack that is whole with one of them alone would lack something once that is gone.
    await this.views.open(mirror, [], async ({ directory }) => {
      const folder = join(directory, PACKS);
      // As a whole first, so that no git waits for a slow line.
      const size = await receive(body, join(folder, `${RECEIVED}.pack`));
      await this.inTurn(async () => {
        if (size === 0) return this.assertStill(mirror, of, commit);
        const name = await this.index(directory);
        await this.assertHas({ directory }, commit);
        await packs.add(folder, RECEIVED, name);
      });
    });
  }

  /** Folder with the objects of the snapshot of an execution; null when there is none here. */
  async objectsOf(of: SnapshotOf): Promise<string | null> {
    const objects = join(this.directoryOf(of), 'objects');
    return stat(objects).then(
      () => objects,
      () => null,
    );
  }

  /**
   * For who found something damaged: whether the snapshot of an execution is not what it was, and is put away, so that the
   * next one takes its place. That goes on for whoever asks next, should the signal call it off.
   */
  async putAwayDamaged(of: SnapshotOf, commit: string, signal: AbortSignal): Promise<boolean> {
    const { execution_id } = of;
    let found = this.examining.get(execution_id);
    if (found === undefined) {
      found = this.examine(of, commit).finally(() => this.examining.delete(execution_id));
      this.examining.set(execution_id, found);
    }
    return unlessAborted(signal, found);
  }

  /** Executions that there are snapshots of. */
  async list(): Promise<SnapshotOf[]> {
    const root = join(this.git.root, FOLDER);
    const repositories = (await namesIn(root)).filter(isId);
    const found = await Promise.all(
      repositories.map(async (repository_id) => {
        const ids = (await namesIn(join(root, repository_id))).filter(isId);
        return ids.map((execution_id) => ({ repository_id, execution_id }));
      }),
    );
    return found.flat();
  }

  async remove(of: SnapshotOf): Promise<void> {
    const directory = this.directoryOf(of);
    await rm(directory, { recursive: true, force: true });
    // The last one of a repository.
    await rmdir(join(directory, '..')).catch(() => undefined);
  }

  private directoryOf({ repository_id, execution_id }: SnapshotOf): string {
    return join(this.git.root, FOLDER, repository_id, execution_id);
  }

  private packsOf(of: SnapshotOf): SnapshotPacks {
    return new SnapshotPacks(join(this.directoryOf(of), PACKS));
  }

  private async assertRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.git.root);
    if (bavail * bsize < this.config.min_free) throw new NoRoomForSnapshots();
  }

  private async inTurn(work: () => Promise<void>): Promise<void> {
    try {
      await this.slots.within(work);
    } catch (error) {
      if (error instanceof NoSlot) throw new SnapshotsBusy('More snapshots come than can be looked into.');
      throw error;
    }
  }

  /** Objects are checked, and that all they lead to is there. Gives the name of the pack. */
  private async index(directory: string): Promise<string> {
    const pack = join(directory, PACKS, `${RECEIVED}.pack`);
    // The path is absolute, as it knows no `--`. Not completed by objects of the mirror, which no limit would count.
    const args = ['index-pack', '--strict', '--threads=1', `--max-input-size=${String(MOST_BYTES)}`, pack];
    const child = await this.git.start({ directory, args, input: '', timeout_ms: TAKEN_WITHIN_MS });
    let said = '';
    child.process.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
    const end = await child.ended;
    if (end.code !== 0 && end.stopped === null && causeOf(end.stderr) !== 'disk_full')
      throw new GitRequestRefused('invalid', 'The pack is not sound, lacks something, or is too large.');
    this.git.assertDone(end, args[0]);
    const [name] = /[0-9a-f]{40}/.exec(said) ?? [];
    if (name === undefined) throw new GitFailed('unknown');
    return `pack-${name}`;
  }

  private async assertStill(mirror: string, of: SnapshotOf, commit: string): Promise<void> {
    const objects = await this.objectsOf(of);
    await this.views.open(mirror, objects === null ? [] : [objects], (view) => this.assertHas(view, commit));
  }

  private async assertHas({ directory }: ObjectView, commit: string): Promise<void> {
    const child = await this.git.start({ directory, args: ['cat-file', '-e', `${commit}^{commit}`], input: '' });
    child.process.stdout.resume();
    if ((await child.ended).code !== 0) throw new SnapshotUnknown();
  }

  /** Whether it was damaged, and is put away. */
  private async examine(of: SnapshotOf, commit: string): Promise<boolean> {
    const packs = this.packsOf(of);
    const indices = await packs.indices();
    if (await this.isSound(of, commit, indices)) return false;
    // Those alone that were read, as the next ones may be there by now.
    await packs.remove(indices);
    this.logger.warn(of, 'a damaged snapshot of a checkout was put away');
    return true;
  }

  private async isSound(of: SnapshotOf, commit: string, indices: readonly string[]): Promise<boolean> {
    const [mirror, objects] = [await this.mirrors.locate(of.repository_id), await this.objectsOf(of)];
    return this.views.open(mirror, objects === null ? [] : [objects], async ({ directory }) => {
      try {
        if (indices.length > 0) await this.git.run({ directory, args: ['verify-pack', '--', ...indices] });
        // All that it leads to and its base does not.
        await this.git.run({ directory, args: ['rev-list', '--objects', '--quiet', `${commit}^!`, '--'] });
        return true;
      } catch (error) {
        if (error instanceof GitFailed && !TELLS_NOTHING.includes(error.reason)) return false;
        throw error;
      }
    });
  }
}

/** Writes what comes to a file, and gives how much it was. */
async function receive(body: AsyncIterable<Buffer>, file: string): Promise<number> {
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  await withLimit(TAKEN_WITHIN_MS, null, async (signal) => {
    try {
      await pipeline(body, target, { signal });
    } catch (error) {
      throw isOutOfTime(signal) ? new GitRequestRefused('slow', 'The snapshot took too long.') : error;
    }
  });
  return target.bytesWritten;
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
