import { constants } from 'node:fs';
import { mkdir, open, readlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_CREAT, O_EXCL } = constants;
const CHUNK = 256 * 1024;
/** Where an open directory has a name that nobody can put something else under. */
const HANDLES = '/proc/self/fd';

/** What a path is at this moment. `gone`: there is nothing a commit could hold. `unreadable`: it is there, and shut. */
export type Copied = { kind: 'file' | 'large' | 'gone' | 'unreadable' } | { kind: 'link'; target: string };

/**
 * Copies files out of a directory in which somebody is at work who may replace any directory by a link at any moment, so
 * as to be shown what only the reader may see. Each step of a path is opened from the directory before it and follows no
 * link. Only where the system has names for open directories, as Linux does.
 */
export class SafeCopy {
  private constructor(private readonly root: FileHandle) {}

  /** Rejects where the system cannot do it. */
  static async of(directory: string): Promise<SafeCopy> {
    const root = await open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      await (await open(within(root, '.'), O_RDONLY | O_DIRECTORY)).close();
      return new SafeCopy(root);
    } catch (error) {
      await root.close();
      throw new Error('this system has no names for open directories', { cause: error });
    }
  }

  close(): Promise<void> {
    return this.root.close();
  }

  /** Copies a file, unless it has more bytes; `to` must not be there yet. A link is not followed but told. */
  async copy(path: string, to: string, maxBytes: number): Promise<Copied> {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    let directory = this.root;
    try {
      for (const part of parts) {
        const next = await open(within(directory, part), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (directory !== this.root) await directory.close();
        directory = next;
      }
      return await copyOne(within(directory, name), to, maxBytes);
    } catch (error) {
      const code = codeOf(error);
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR'].includes(code)) return { kind: 'gone' };
      if (['EACCES', 'EPERM', 'ENAMETOOLONG', 'EIO', 'EEXIST'].includes(code)) return { kind: 'unreadable' };
      throw error;
    } finally {
      if (directory !== this.root) await directory.close();
    }
  }
}

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? '';

const within = ({ fd }: FileHandle, name: string): string => `${HANDLES}/${String(fd)}/${name}`;

async function copyOne(from: string, to: string, maxBytes: number): Promise<Copied> {
  let source: FileHandle;
  try {
    // A pipe put there would else hold up whoever opens it.
    source = await open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) !== 'ELOOP') throw error;
    return { kind: 'link', target: await readlink(from) };
  }
  try {
    const status = await source.stat();
    if (!status.isFile()) return { kind: 'gone' };
    if (!(await makeRoom(to))) return { kind: 'unreadable' };
    if (status.size > maxBytes) return { kind: 'large' };
    const mode = (status.mode & 0o100) === 0 ? 0o600 : 0o700;
    const target = await open(to, O_WRONLY | O_CREAT | O_EXCL, mode);
    try {
      return { kind: (await pour(source, target, maxBytes)) ? 'file' : 'large' };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Only for what is copied, so that nothing stands where a link is to be. False where a file became a directory meanwhile. */
async function makeRoom(to: string): Promise<boolean> {
  try {
    await mkdir(dirname(to), { recursive: true });
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTDIR'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** False when there was more, as somebody may be writing it. */
async function pour(source: FileHandle, target: FileHandle, maxBytes: number): Promise<boolean> {
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (let total = 0; ;) {
    const { bytesRead } = await source.read(chunk, 0, CHUNK, null);
    if (bytesRead === 0) return true;
    total += bytesRead;
    if (total > maxBytes) return false;
    await target.writeFile(chunk.subarray(0, bytesRead));
  }
}
