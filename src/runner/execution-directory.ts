import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isId, newId } from '../ids.js';

/** For the result, what is told of the checkout, and why it is kept. */
const RESERVED_BYTES = 128 * 1024;

/** The files of one execution below the worker's directory. */
export class ExecutionDirectory {
  private constructor(
    readonly executionId: string,
    readonly path: string,
  ) {}

  static of(workerDirectory: string, executionId: string): ExecutionDirectory {
    // The id comes from outside and becomes a path.
    if (!isId(executionId)) throw new Error('an execution id must be a UUID');
    return new ExecutionDirectory(executionId, join(workerDirectory, 'executions', executionId));
  }

  /** A directory to try something in; not among those that are explained and kept. */
  static probe(workerDirectory: string): ExecutionDirectory {
    const id = newId();
    return new ExecutionDirectory(id, join(workerDirectory, 'probes', id));
  }

  /** Those that earlier runs left. */
  static async all(workerDirectory: string): Promise<ExecutionDirectory[]> {
    const names = await readdir(join(workerDirectory, 'executions')).catch(() => []);
    return names.filter(isId).map((id) => ExecutionDirectory.of(workerDirectory, id));
  }

  /** Where the agent works. */
  get checkout(): string {
    return join(this.path, 'checkout');
  }
  /** The git directory the runner itself uses after the agent had its hands on the checkout's own. */
  get trustedGit(): string {
    return join(this.path, 'trusted.git');
  }
  /** What the runner needs to look at the checkout while its agent works. */
  get sight(): string {
    return join(this.path, 'sight');
  }
  /** The agent's git directory, put aside when a checkout is kept. */
  get agentGit(): string {
    return join(this.path, 'agent.git');
  }
  /** The agent's home, where it has one of its own. */
  get home(): string {
    return join(this.path, 'home');
  }
  /** Its place for temporary files, on the disk of the worker. */
  get temporary(): string {
    return join(this.path, 'tmp');
  }
  /** Where its file system is put together. */
  get root(): string {
    return join(this.path, 'root');
  }
  get log(): string {
    return join(this.path, 'log.ndjson');
  }
  get claim(): string {
    return join(this.path, 'claim.json');
  }
  get finish(): string {
    return join(this.path, 'finish.json');
  }
  get process(): string {
    return join(this.path, 'process.json');
  }
  /** What the checkout holds. */
  get left(): string {
    return join(this.path, 'left.json');
  }
  get kept(): string {
    return join(this.path, 'kept.txt');
  }

  /** Room that is given up when there is no other, so that the end of an execution can be written down on a full disk. */
  get reserve(): string {
    return join(this.path, 'reserve');
  }

  async create(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await writeFile(this.reserve, Buffer.alloc(RESERVED_BYTES, '.'));
  }

  exists(file: string): boolean {
    return existsSync(file);
  }

  /** Writes whole or not at all, and on the disk when it resolves. */
  async write(file: string, text: string): Promise<void> {
    try {
      await this.writeWhole(file, text);
    } catch (error) {
      if (!isNoRoom(error) || !this.exists(this.reserve)) throw error;
      await rm(this.reserve, { force: true });
      await this.writeWhole(file, text);
    }
  }

  private async writeWhole(file: string, text: string): Promise<void> {
    const half = `${file}.half`;
    const handle = await open(half, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(half, file);
    const directory = await open(dirname(file));
    // The new name is an entry of the directory and needs its own sync.
    await directory.sync().finally(() => directory.close());
  }

  /** The parsed content, or null when the file is not there or was cut by a crash. */
  async readJson(file: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as unknown;
    } catch {
      return null;
    }
  }

  /** Removes everything of this execution. */
  async remove(): Promise<void> {
    await removeTree(this.path);
  }

  /** Puts an end to what an agent of another account could still reach in here. */
  async close(): Promise<void> {
    await chmod(this.path, 0o700);
    await this.removeTemporary();
  }

  /** Removes what an agent had beside its checkout; copies of its keys may be among it. */
  async removeTemporary(): Promise<void> {
    for (const path of [this.home, this.temporary, this.root]) await removeTree(path);
  }
}

const isNoRoom = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as { code?: string }).code ?? '');

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Tools such as Go's module cache make directories read-only, which nobody but root can then empty.
    await makeWritable(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function makeWritable(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await makeWritable(join(path, name));
}
