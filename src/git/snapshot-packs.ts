import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Who reads an older one is done by then. */
const KEPT_MS = 30_000;
/** In the order in which git needs them: what it finds by its index must be there. */
const PARTS = ['.pack', '.rev', '.idx'];

interface PackFile {
  readonly name: string;
  /** Without what tells the files of one pack from each other. */
  readonly stem: string;
  readonly at: number;
  readonly bytes: number;
}

/** The packs of the snapshots of one execution. The newest holds all there is; the others are for those who read them yet. */
export class SnapshotPacks {
  constructor(private readonly folder: string) {}

  /** Moves a pack here from another folder on the same disk, where its files have this stem. */
  async add(from: string, stem: string, as: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const there = await readdir(from);
    // The same one may be here already, and damaged.
    for (const part of PARTS)
      if (there.includes(`${stem}${part}`))
        await rename(join(from, `${stem}${part}`), join(this.folder, `${as}${part}`));
  }

  /** Removes those that nobody reads any more, but for the newest; gives how many bytes are left. */
  async removeOld(): Promise<number> {
    const files = await this.files();
    const packs = files.filter(({ name }) => name.endsWith('.pack')).sort((one, other) => other.at - one.at);
    // One was read until the next had come.
    const isRead = (at: number): boolean => Date.now() - (packs[at - 1]?.at ?? Infinity) < KEPT_MS;
    const kept = new Set(packs.filter((_, at) => isRead(at)).map(({ stem }) => stem));
    // Of one whose pack is not there no file is of use; it may be on its way.
    const gone = files.filter(({ stem, at }) => !kept.has(stem) && Date.now() - at >= KEPT_MS);
    await Promise.all(gone.map(({ name }) => rm(join(this.folder, name), { force: true })));
    return files.filter((file) => !gone.includes(file)).reduce((total, { bytes }) => total + bytes, 0);
  }

  /** The files that git finds them by. */
  async indices(): Promise<string[]> {
    return (await this.files()).filter(({ name }) => name.endsWith('.idx')).map(({ name }) => join(this.folder, name));
  }

  /** Removes packs, given by their indices. */
  async remove(indices: readonly string[]): Promise<void> {
    // Those first, so that git does not look for what is gone.
    for (const part of PARTS.toReversed())
      await Promise.all(indices.map((index) => rm(index.replace(/\.idx$/, part), { force: true })));
  }

  private async files(): Promise<PackFile[]> {
    const names = await readdir(this.folder).catch(() => []);
    const files = names.map(async (name) => {
      const status = await stat(join(this.folder, name)).catch(() => null);
      return { name, stem: name.replace(/\.[a-z]+$/, ''), at: status?.mtimeMs ?? 0, bytes: status?.size ?? 0 };
    });
    return Promise.all(files);
  }
}
