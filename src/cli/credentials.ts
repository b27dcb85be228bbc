import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Lock, LockHeld } from '../runner/lock.js';
import { pause } from '../runner/patience.js';

/** Tokens of a person who has signed in with `miyabi login`. */
export interface Tokens {
  readonly login: string;
  readonly access_token: string;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly access_expires_at: number;
  readonly refresh_token: string;
}

interface Stored {
  /** The server that was signed in to last. */
  readonly current: string | null;
  readonly servers: Readonly<Record<string, Tokens>>;
}

const NOTHING: Stored = { current: null, servers: {} };
const LOCK_PAUSE_MS = 20;

/** The file with a person's tokens, by the address of the server. Nobody else may read it. */
export class Credentials {
  private readonly path: string;

  constructor(private readonly directory: string) {
    this.path = join(directory, 'credentials.json');
  }

  async current(): Promise<string | null> {
    return (await this.read()).current;
  }

  async of(url: string): Promise<Tokens | null> {
    const { servers } = await this.read();
    return Object.hasOwn(servers, url) ? (servers[url] ?? null) : null;
  }

  async keep(url: string, tokens: Tokens): Promise<void> {
    const { servers } = await this.read();
    await this.write({ current: url, servers: { ...servers, [url]: tokens } });
  }

  async forget(url: string): Promise<void> {
    const { current, servers } = await this.read();
    const rest = Object.fromEntries(Object.entries(servers).filter(([known]) => known !== url));
    await this.write({ current: current === url ? null : current, servers: rest });
  }

  /**
   * One command at a time. A refresh token works once, and a second use ends the session: who finds the token expired
   * must not refresh it beside somebody else.
   */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const lock = await this.lock();
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  private async lock(): Promise<Lock> {
    for (;;) {
      try {
        return await Lock.take(`${this.path}.lock`);
      } catch (error) {
        if (!(error instanceof LockHeld)) throw error;
        await pause(LOCK_PAUSE_MS);
      }
    }
  }

  private async read(): Promise<Stored> {
    try {
      const { current, servers } = JSON.parse(await readFile(this.path, 'utf8')) as Partial<Stored>;
      return { current: current ?? null, servers: servers ?? {} };
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code !== 'ENOENT';
      if (isThere && !(error instanceof SyntaxError)) throw error;
      return NOTHING;
    }
  }

  private async write(stored: Stored): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const path = `${this.path}.${String(process.pid)}`;
    try {
      const file = await open(path, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(stored, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await chmod(path, 0o600);
      await rename(path, this.path);
    } finally {
      await rm(path, { force: true });
    }
  }
}
