import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Injectable } from '@nestjs/common';
import { isId } from '../ids.js';
import { makeBorrower } from './borrower.js';
import { causeOf } from './git-causes.js';
import { GitRequestRefused, SnapshotUnknown } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { MirrorsService } from './mirrors.service.js';

const FOLDER = '.snapshots';
const MOST_BYTES = 80 * 1024 * 1024;
const TAKEN_WITHIN_MS = 60_000;
/** Who reads an older one is done by then. */
const KEPT_MS = 30_000;
/** In that time no runner sends as many. */
const MOST_PACKS = 8;
const PACKS = 'objects/pack';
const TOO_FAST = 'Snapshots of this execution come too fast.';

/** What the checkout of an execution holds, as its worker has seen it. */
export interface TakenSnapshot {
  repository_id: string;
  execution_id: string;
  commit: string;
  /** A pack of what the repository does not have; nothing when it is the commit of before. */
  body: AsyncIterable<Buffer>;
}

/**
 * What running executions have not pushed yet, in repositories beside the mirrors, one for each execution: no list of
 * branches or commits knows of it, no fetch prunes it, and it goes as a whole.
 */
@Injectable()
export class SnapshotsService {
  /** Executions whose snapshot is being taken. */
  private readonly taking = new Set<string>();

  constructor(
    private readonly git: GitProcess,
    private readonly mirrors: MirrorsService,
  ) {}

  /** Throws GitNotHere, MirrorNotReady, SnapshotUnknown, GitRequestRefused, and GitFailed for what is no sound pack. */
  async take(snapshot: TakenSnapshot): Promise<void> {
    const { execution_id } = snapshot;
    // One after the other: what may be kept is counted before, and what a failed one leaves is removed behind it.
    if (this.taking.has(execution_id)) throw new GitRequestRefused('invalid', TOO_FAST);
    this.taking.add(execution_id);
    try {
      await this.takeNext(snapshot);
    } finally {
      this.taking.delete(execution_id);
    }
  }

  private async takeNext({ repository_id, execution_id, commit, body }: TakenSnapshot): Promise<void> {
    const mirror = await this.mirrors.locate(repository_id);
    const directory = this.directoryOf(repository_id, execution_id);
    if ((await this.removeOld(directory)) >= MOST_PACKS) throw new GitRequestRefused('invalid', TOO_FAST);
    await makeBorrower(directory, [join(mirror, 'objects')]);
    try {
      await this.store(directory, body);
    } finally {
      await removeUnfinished(join(directory, PACKS));
    }
    const child = await this.git.start({ directory, args: ['cat-file', '-e', `${commit}^{commit}`], input: '' });
    child.process.stdout.resume();
    if ((await child.ended).code !== 0) throw new SnapshotUnknown();
  }

  /** Folder with the objects of the snapshot of an execution; null when there is none here. */
  async objectsOf(repository_id: string, execution_id: string): Promise<string | null> {
    const objects = join(this.directoryOf(repository_id, execution_id), 'objects');
    return stat(objects).then(
      () => objects,
      () => null,
    );
  }

  /** Executions that there are snapshots of. */
  async list(): Promise<{ repository_id: string; execution_id: string }[]> {
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

  async remove(repository_id: string, execution_id: string): Promise<void> {
    const directory = this.directoryOf(repository_id, execution_id);
    await rm(directory, { recursive: true, force: true });
    // The last one of a repository.
    await rmdir(join(directory, '..')).catch(() => undefined);
  }

  private directoryOf(repository_id: string, execution_id: string): string {
    return join(this.git.root, FOLDER, repository_id, execution_id);
  }

  /** Objects are checked, and that all they lead to is there. */
  private async store(directory: string, body: AsyncIterable<Buffer>): Promise<void> {
    const chunks = body[Symbol.asyncIterator]();
    const first = (await chunks.next()) as IteratorResult<Buffer, undefined>;
    if (first.done === true || first.value.length === 0) return;
    // Not completed by objects of the mirror, which no limit of what comes would count.
    const args = ['index-pack', '--stdin', '--strict', `--max-input-size=${String(MOST_BYTES)}`];
    const child = await this.git.start({ directory, args, timeout_ms: TAKEN_WITHIN_MS });
    child.process.stdout.resume();
    // Where git itself stops reading, it says why.
    const fault = await pipeline(rest(first.value, chunks), child.process.stdin).then(() => null, asError);
    if (fault instanceof GitRequestRefused) child.stop('aborted');
    const end = await child.ended;
    if (fault instanceof GitRequestRefused) throw fault;
    if (end.code !== 0 && end.stopped === null && causeOf(end.stderr) !== 'disk_full')
      throw new GitRequestRefused('invalid', 'The pack is not sound, lacks something, or is too large.');
    this.git.assertDone(end, args[0]);
  }

  /** Removes what nobody reads any more, but for the newest; gives how many packs are left. */
  private async removeOld(directory: string): Promise<number> {
    const folder = join(directory, PACKS);
    const files = await Promise.all(
      (await namesIn(folder)).map(async (name) => {
        const status = await stat(join(folder, name)).catch(() => null);
        return { name, stem: name.replace(/\.[a-z]+$/, ''), at: status?.mtimeMs ?? 0 };
      }),
    );
    const packs = files.filter(({ name }) => name.endsWith('.pack')).sort((one, other) => other.at - one.at);
    const kept = packs.filter(({ at }, index) => index === 0 || Date.now() - at < KEPT_MS).map(({ stem }) => stem);
    const gone = files.filter(({ stem, at }) => !kept.includes(stem) && Date.now() - at >= KEPT_MS);
    await Promise.all(gone.map(({ name }) => rm(join(folder, name), { force: true })));
    return kept.length;
  }
}

async function* rest(first: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (;;) {
    const { value, done } = (await chunks.next()) as IteratorResult<Buffer, undefined>;
    if (done === true || value === undefined) return;
    yield value;
  }
}

/** Git leaves what it had begun to write when it is stopped, or finds a pack unsound. */
async function removeUnfinished(folder: string): Promise<void> {
  const begun = (await namesIn(folder)).filter((name) => name.startsWith('tmp_'));
  await Promise.all(begun.map((name) => rm(join(folder, name), { force: true })));
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
