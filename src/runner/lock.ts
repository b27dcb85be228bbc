import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { isId } from '../ids.js';
import { pause } from './patience.js';
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
      for (;;) {
        // A link either is ours or fails; unlike a created file it is never seen empty.
        if (await linked(own, path)) return new Lock(path, holder);
        const other = await holderOf(path);
        if (other === 'nobody') continue;
        if (other !== 'unreadable' && isAlive(other)) throw new LockHeld(path, other.pid);
        if (await succeeded(path, other, own)) return new Lock(path, holder);
      }
    } finally {
      await rm(own, { force: true });
    }
  }

  async release(): Promise<void> {
    const present = await holderOf(this.path);
    if (nonceOf(present) === this.holder.nonce) await rm(this.path, { force: true });
  }
}

/** Pid of the live process that has the lock; null when nobody has. */
export async function liveHolderOf(path: string): Promise<number | null> {
  const holder = await holderOf(path);
  return typeof holder !== 'string' && isAlive(holder) ? holder.pid : null;
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

type Found = Holder | 'nobody' | 'unreadable';

async function holderOf(path: string): Promise<Found> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return isId(holder.nonce) ? holder : 'unreadable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'nobody' : 'unreadable';
  }
}

const nonceOf = (found: Found): string => (typeof found === 'string' ? found : found.nonce);

const isAlive = (holder: Holder): boolean => findProcess(holder.pid)?.started === holder.started;

/**
 * Takes the place of a dead holder. Many may find it dead at once, and one of them could be so slow that it throws away
 * the lock of the next: so the right to succeed this very holder is a lock of its own.
 */
async function succeeded(path: string, dead: Found, own: string): Promise<boolean> {
  const right = await rightTo(`${path}.after.${nonceOf(dead)}`);
  if (right === null) return false;
  try {
    if (nonceOf(await holderOf(path)) !== nonceOf(dead)) return false;
    await rename(own, path);
    return true;
  } finally {
    await right.release();
  }
}

async function rightTo(path: string): Promise<Lock | null> {
  try {
    return await Lock.take(path);
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    // Somebody is at it; a moment later the lock has a live holder.
    await pause(5);
    return null;
  }
}
