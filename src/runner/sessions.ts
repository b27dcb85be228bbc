import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isId } from '../ids.js';

const KEPT_MS = 7 * 24 * 3_600_000;
const LARGEST = 64 * 1024 * 1024;

/** What a CLI calls a session; it becomes a part of a path. */
const SESSION = /^[0-9a-zA-Z-]{8,64}$/;

/** Where a CLI keeps a session below the home, and where it looks for one when it works in a checkout. */
interface Keeping {
  /** Directories to look in, each with how deep. */
  readonly directory: readonly string[];
  readonly depth: number;
  readonly isFile: (name: string, session: string) => boolean;
  readonly place: (name: string, checkout: string) => readonly string[] | null;
}

const KEEPING: Readonly<Record<string, Keeping>> = {
  claude: {
    directory: ['.claude', 'projects'],
    depth: 1,
    isFile: (name, session) => name === `${session}.jsonl`,
    // It looks for a session below the name of the directory it works in, and each execution has another. It shortens a
    // long one in a way of its own.
    place: (_, checkout) =>
      checkout.length > 200 ? null : ['.claude', 'projects', checkout.replaceAll(/[^0-9a-zA-Z]/g, '-')],
  },
  codex: {
    directory: ['.codex', 'sessions'],
    depth: 3,
    isFile: (name, session) => name.startsWith('rollout-') && name.endsWith(`-${session}.jsonl`),
    place: (name) => {
      const [, ...date] = /^rollout-(\d{4})-(\d\d)-(\d\d)T/.exec(name) ?? [];
      return date.length === 0 ? null : ['.codex', 'sessions', ...date];
    },
  },
};

/** A session of a task: that of no other is ever looked at. */
export interface SessionOf {
  readonly taskId: string;
  /** Program of the agent. */
  readonly cli: string;
  readonly sessionId: string;
}

/**
 * Sessions of agents whose home goes with the execution, so that the next attempt at the same task can go on with them when
 * it comes to this worker. What an agent left is not trusted: only plain files count, and links are not followed.
 */
export class Sessions {
  private readonly directory: string;

  constructor(workerDirectory: string) {
    this.directory = join(workerDirectory, 'sessions');
  }

  /** Takes a session out of the home of an agent that has ended. Answers whether there was one. */
  async keep({ taskId, cli, sessionId }: SessionOf, home: string): Promise<boolean> {
    const keeping = keepingOf(cli, sessionId);
    if (keeping === null || !isId(taskId)) return false;
    const found = await findFile(home, keeping, sessionId);
    if (found === null) return false;
    const own = join(this.directory, taskId);
    await rm(own, { recursive: true, force: true });
    await mkdir(join(own, cli), { recursive: true, mode: 0o700 });
    await copyFile(found, join(own, cli, basename(found)), constants.COPYFILE_EXCL);
    await this.prune();
    return true;
  }

  /** Puts the session of an earlier attempt into the home of the next. Answers whether it is here. */
  async bring({ taskId, cli, sessionId }: SessionOf, home: string, checkout: string): Promise<boolean> {
    const keeping = keepingOf(cli, sessionId);
    if (keeping === null || !isId(taskId)) return false;
    const own = join(this.directory, taskId, cli);
    const name = (await readdir(own).catch(() => [])).find((one) => keeping.isFile(one, sessionId));
    const place = name === undefined ? null : keeping.place(name, checkout);
    if (name === undefined || place === null) return false;
    const to = join(home, ...place);
    await mkdir(to, { recursive: true, mode: 0o700 });
    await copyFile(join(own, name), join(to, name), constants.COPYFILE_EXCL);
    return true;
  }

  /** There will be no next attempt. */
  async forget(taskId: string): Promise<void> {
    if (isId(taskId)) await rm(join(this.directory, taskId), { recursive: true, force: true });
  }

  private async prune(): Promise<void> {
    for (const name of await readdir(this.directory)) {
      const path = join(this.directory, name);
      const { mtimeMs } = await lstat(path);
      if (Date.now() - mtimeMs > KEPT_MS) await rm(path, { recursive: true, force: true });
    }
  }
}

const keepingOf = (cli: string, sessionId: string): Keeping | null =>
  Object.hasOwn(KEEPING, cli) && SESSION.test(sessionId) ? (KEEPING[cli] ?? null) : null;

async function findFile(home: string, keeping: Keeping, session: string): Promise<string | null> {
  let place = home;
  for (const name of keeping.directory) {
    place = join(place, name);
    if (!(await isDirectory(place))) return null;
  }
  return searchIn(place, keeping, session, keeping.depth);
}

async function searchIn(place: string, keeping: Keeping, session: string, depth: number): Promise<string | null> {
  for (const name of await readdir(place)) {
    const path = join(place, name);
    if (depth > 0) {
      const found = (await isDirectory(path)) ? await searchIn(path, keeping, session, depth - 1) : null;
      if (found !== null) return found;
    } else if (keeping.isFile(name, session)) {
      const status = await lstat(path);
      // Another name of a file elsewhere would be as bad as a link to it.
      if (status.isFile() && status.nlink === 1 && status.size <= LARGEST) return path;
    }
  }
  return null;
}

const isDirectory = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => null))?.isDirectory() ?? false;
