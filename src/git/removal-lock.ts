import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { inFolder, type BytePath } from './byte-path.js';
import { readPlainFile } from './plain-file.js';

/** Git's own lock of what is staged: while it is there, nothing is added, committed or checked out. */
export const LOCK = 'index.lock';
export const LONGEST_LOCK = 8192;

const MARK = /^miyabi ([0-9a-f]{16})\n/;

/** What the locks of an installation say: that they are its own, and where the work tree is. */
export class RemovalLock {
  private readonly mark: string;

  /** `root` is the directory of the installation. */
  constructor(root: string) {
    this.mark = `miyabi ${createHash('sha256').update(root).digest('hex').slice(0, 16)}\n`;
  }

  /** Takes it; gives where it is. Throws EEXIST while git, or somebody else, has it. */
  async take(folder: BytePath, path: BytePath): Promise<BytePath> {
    const lock = inFolder(folder, LOCK);
    const file = await open(lock, 'wx', 0o644);
    try {
      await file.writeFile(Buffer.concat([Buffer.from(this.mark), path]));
    } catch (error) {
      // On a full disk nobody would know whose it is.
      await rm(lock, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return lock;
  }

  /** Where the work tree is, or was, that a lock of this installation is for; null where there is none. */
  async pathOf(folder: BytePath): Promise<BytePath | null> {
    const text = await readPlainFile(inFolder(folder, LOCK), LONGEST_LOCK).catch(() => null);
    return text?.toString('latin1').startsWith(this.mark) ? pathIn(text) : null;
  }
}

/** The path that such a lock names, whichever installation it is of. */
export function pathIn(text: Buffer | null): BytePath | null {
  const [mark] = MARK.exec(text?.toString('latin1') ?? '') ?? [];
  return text === null || mark === undefined ? null : text.subarray(mark.length);
}
