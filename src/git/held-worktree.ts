import { lstat, mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { DomainError } from '../domain-error.js';
import { newId } from '../ids.js';
import { folderOf, inFolder, shown, type BytePath } from './byte-path.js';
import { removedIn, takeFiles, type Dismissed } from './dismissed-worktrees.js';
import { codeOf, nullIfNothing } from './error-code.js';
import { WorktreeBusy, WorktreeNotFound, WorktreeNotRemovable } from './git.errors.js';
import { asideOf, leadsBack, type LinkedWorktree } from './local-worktrees.service.js';
import { readPlainFile } from './plain-file.js';
import { LOCK, type RemovalLock } from './removal-lock.js';

const LONGEST_HEAD = 8192;
const LOCKED = 'Somebody has locked it meanwhile.';
const ELSEWHERE = 'Its HEAD leads elsewhere than a moment ago.';
const REFUSALS = ['EACCES', 'EPERM', 'EROFS', 'EBUSY'];

const logger = new Logger('HeldWorktree');

/** A linked work tree that git is kept out of, until it is released or dismissed. */
export class HeldWorktree {
  /** Where its files are, once they are put aside. */
  private aside: BytePath | null = null;

  private constructor(
    readonly linked: LinkedWorktree,
    private readonly lock: BytePath,
  ) {}

  /** Throws WorktreeBusy, and what `whyNot` gives. */
  static async hold(linked: LinkedWorktree, locks: RemovalLock): Promise<HeldWorktree> {
    if (linked.problem !== null) throw new WorktreeNotRemovable(linked.problem);
    try {
      return new HeldWorktree(linked, await locks.take(linked.folder, linked.path));
    } catch (error) {
      throw codeOf(error) === 'EEXIST' ? new WorktreeBusy() : whyNot(error);
    }
  }

  /** As it is to be looked at. */
  get place(): LinkedWorktree {
    return this.aside === null ? this.linked : { ...this.linked, path: this.aside };
  }

  /** Puts it where nobody finds it by its path, and makes sure that it is what was put there. Throws as `hold` does. */
  async putAside(): Promise<void> {
    const { linked } = this;
    // Without its directory there is nothing to put aside.
    if (linked.prunable !== null) return;
    const aside = asideOf(linked);
    try {
      const before = await lstat(linked.path);
      if ((await lstat(aside).catch(() => null)) !== null)
        throw new WorktreeNotRemovable(`Something is in the way, at ${shown(aside)}.`);
      await rename(linked.path, aside);
      this.aside = aside;
      const after = await lstat(aside);
      if (after.ino === before.ino && after.dev === before.dev && (await leadsBack(aside, linked.folder))) return;
    } catch (error) {
      throw whyNot(error);
    }
    // Whoever refuses it brings it back.
    throw new WorktreeBusy();
  }

  /** As if nothing had been. Throws WorktreeNotRemovable when it cannot be put back. */
  async release(): Promise<void> {
    try {
      if (this.aside !== null) await putBack(this.aside, this.linked.path);
      this.aside = null;
    } finally {
      await rm(this.lock, { force: true });
    }
  }

  /** Git's lock keeps out commits, though not who locks the work tree or has its HEAD lead elsewhere. */
  private async assertUnchanged(): Promise<void> {
    const { folder, branch, head_sha } = this.linked;
    if ((await lstat(inFolder(folder, 'locked')).catch(nullIfNothing)) !== null) throw new WorktreeNotRemovable(LOCKED);
    const head = (await readPlainFile(inFolder(folder, 'HEAD'), LONGEST_HEAD))?.toString('latin1').trimEnd();
    // A branch stays, wherever it leads by now.
    const isSame = branch === null && head_sha !== null ? head === head_sha : head?.startsWith('ref: ');
    if (isSame !== true) throw new WorktreeNotRemovable(ELSEWHERE);
  }

  /**
   * From here on git does not know it any more, and it is not brought back; what is left of it is to be deleted. That is
   * one step, so that whoever is ended in the middle leaves it whole or dismissed. Null when its files cannot be had yet:
   * the next who comes deletes them. Throws what `whyNot` gives.
   */
  async dismiss(common: BytePath): Promise<Dismissed | null> {
    const { folder, path } = this.linked;
    const id = newId();
    const record = inFolder(removedIn(common), `${id}-${asideOf(this.linked).subarray(-16).toString('latin1')}`);
    try {
      await this.assertUnchanged();
      await mkdir(removedIn(common)).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
      });
      // A link in its place would have us write elsewhere.
      if (!(await lstat(removedIn(common))).isDirectory())
        throw new WorktreeNotRemovable(`Something is in the way, at ${shown(removedIn(common))}.`);
      await rename(folder, record);
    } catch (error) {
      throw whyNot(error);
    }
    await rmdir(folderOf(folder)).catch(() => undefined);
    if (this.aside === null) return { record, files: null };
    const { aside } = this;
    const taken = takeFiles(aside, folderOf(path), id).then((files) => ({ record, files }));
    return taken.catch((error: unknown) => {
      logger.warn({ err: error, path: shown(aside) }, 'the files of a removed work tree cannot be deleted yet');
      return null;
    });
  }
}

/**
 * Brings back what a process that ended in the middle of a removal had put aside, and takes away its lock; tells whether
 * there was any of it.
 */
export async function restore(linked: LinkedWorktree, locks: RemovalLock): Promise<boolean> {
  const { folder } = linked;
  const held = await locks.pathOf(folder);
  // Whoever found the lock in the way may have deleted it.
  const path = held ?? linked.path;
  const aside = asideOf({ path, folder });
  const isAside = linked.prunable !== null && (await leadsBack(aside, folder));
  if (isAside) await putBack(aside, path);
  if (held !== null) await rm(inFolder(folder, LOCK), { force: true });
  return isAside || held !== null;
}

async function putBack(aside: BytePath, path: BytePath): Promise<void> {
  try {
    // Onto something that was put there in the meantime this fails, as it should.
    await rename(aside, path);
  } catch (error) {
    logger.error({ err: error, aside: shown(aside), path: shown(path) }, 'a work tree could not be put back');
    throw new WorktreeNotRemovable(`Its files are kept beside its place, as ${shown(aside)}.`);
  }
}

/** Why something could not be done with a work tree, as people are told it. */
export function whyNot(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const code = codeOf(error);
  // Somebody else has removed it, or moved it, at this moment.
  if (code === 'ENOENT') return new WorktreeNotFound();
  if (REFUSALS.includes(code)) return new WorktreeNotRemovable('The server may not write there.', { cause: error });
  return new WorktreeNotRemovable(`Its disk does not do it: ${code || 'nobody knows why'}.`, { cause: error });
}
