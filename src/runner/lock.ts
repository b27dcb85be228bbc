import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { findProcess } from './process-table.js';

interface Holder {
  readonly pid: number;
  /** Start of the process, so that a later process with the same pid is not taken for the holder. */
  readonly started: string;
  readonly nonce: string;
}

export class LockHeld extends Error {
  constructor(
    readonly path: string,
    readonly pid: number,
  ) {
    super(`${path} is held by process ${String(pid)}`);
    this.name = 'LockHeld';
  }
}

/** A lock between processes: a file that names its holder and is worth nothing once that process is over. */
export class Lock {
  private constructor(
    private readonly path: string,
    private readonly holder: Holder,
  ) {}

  /** Rejects with LockHeld while another live process has it. */
  static async take(path: string): Promise<Lock> {
    await mkdir(dirname(path), { recursive: true });
    const started = findProcess(process.pid)?.started ?? '';
    const holder: Holder = { pid: process.pid, started, nonce: randomUUID() };
    const own = `${path}.${holder.nonce}`;
    await writeFile(own, JSON.stringify(holder), { mode: 0o600 });
    try {
      // A link either is ours or fails; unlike a created file it is never seen empty.
      for (;;) {
        if (await linked(own, path)) return new Lock(path, holder);
        const other = await holderOf(path);
        if (other !== null && isAlive(other)) throw new LockHeld(path, other.pid);
        await discard(path, other);
      }
    } finally {
      await rm(own, { force: true });
    }
  }

  async release(): Promise<void> {
    const present = await holderOf(this.path);
    if (present?.nonce === this.holder.nonce) await rm(this.path, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

const isAlive = (holder: Holder): boolean => findProcess(holder.pid)?.started === holder.started;

/** Takes a dead holder's file away. Two may try at once, so what was moved is looked at before it is thrown away. */
async function discard(path: string, stale: Holder | null): Promise<void> {
  const aside = `${path}.stale.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await holderOf(aside);
  if (moved !== null && moved.nonce !== stale?.nonce) await linked(aside, path);
  await rm(aside, { force: true });
}
