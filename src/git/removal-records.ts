import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { newId } from '../ids.js';
import { GitProcess } from './git-process.js';

const FOLDER = '.removals';
const ENDING = '.json';

/** A removal of work trees of a repository that has begun, or was left in the middle. */
export interface RemovalRecord {
  name: string;
  local_path: string;
}

/** Which removals of linked work trees are under way, on disk beside the mirrors. */
@Injectable()
export class RemovalRecords {
  /** Those of this very process. */
  private readonly underWay = new Set<string>();

  constructor(private readonly git: GitProcess) {}

  /** Notes one; gives what ends the note. */
  async begin(local_path: string): Promise<() => Promise<void>> {
    const name = newId();
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    this.underWay.add(name);
    await writeFile(`${this.pathOf(name)}.new`, JSON.stringify({ local_path }), { mode: 0o600 });
    await rename(`${this.pathOf(name)}.new`, this.pathOf(name));
    return async () => {
      await this.forget(name);
      this.underWay.delete(name);
    };
  }

  /** Those of other processes, or of one that has ended. */
  async left(): Promise<RemovalRecord[]> {
    const names = (await readdir(this.folder).catch(() => []))
      .filter((file) => file.endsWith(ENDING))
      .map((file) => file.slice(0, -ENDING.length))
      .filter((name) => !this.underWay.has(name));
    const records = await Promise.all(names.map((name) => this.read(name)));
    return records.filter((record) => record !== null);
  }

  async forget(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
  }

  private async read(name: string): Promise<RemovalRecord | null> {
    try {
      return { name, ...(JSON.parse(await readFile(this.pathOf(name), 'utf8')) as { local_path: string }) };
    } catch {
      // It is over by now.
      return null;
    }
  }

  private get folder(): string {
    return join(this.git.root, FOLDER);
  }

  private pathOf(name: string): string {
    return join(this.folder, `${name}${ENDING}`);
  }
}
