import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signInPerson, type TestPerson } from './fleet.js';
import { commit, git, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';
import type { ListedWorktree, WorktreeAnswer } from './worktree-site.js';

/** What a clean-up says of one worktree. */
export interface Decided {
  path: string;
  because: string;
  outcome: string;
}

/** A registered repository with one commit of a file, in a folder that is its alone. */
export interface LinkedPlace {
  id: string;
  path: string;
  /** What lies, or would lie, beside it. */
  beside: (name: string) => string;
}

/** A server with repositories on its disk, and a person who has registered them. */
export class LinkedSite {
  private counter = 0;

  private constructor(
    readonly scratch: Scratch,
    readonly server: TestApp,
    readonly ada: TestPerson,
  ) {}

  static async open(): Promise<LinkedSite> {
    const scratch = new Scratch();
    const server = await startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
    });
    return new LinkedSite(scratch, server, await signInPerson(server));
  }

  async close(): Promise<void> {
    await this.server.close();
    this.scratch.remove();
  }

  async place(files: Readonly<Record<string, string>> = {}): Promise<LinkedPlace> {
    const folder = `roots/place-${String(this.counter++)}`;
    const path = this.scratch.repository(`${folder}/repository`, []);
    for (const [name, text] of Object.entries({ file: 'one\n', ...files })) writeFileSync(join(path, name), text);
    git(path, 'add', '.');
    commit(path, 'feat: first');
    return { id: await this.register(path), path, beside: (name) => join(this.scratch.path, folder, name) };
  }

  async register(local_path: string, person = this.ada): Promise<string> {
    return String((await person.post('/repositories', { local_path })).body['id']);
  }

  async list(id: string): Promise<ListedWorktree[]> {
    const { status, body } = await this.ada.get(`/worktrees?repository_id=${id}`);
    expect(status).toBe(200);
    return (body as unknown as WorktreeAnswer).items;
  }

  /** The only one of a repository. */
  async only(id: string): Promise<ListedWorktree> {
    const items = await this.list(id);
    expect(items).toHaveLength(1);
    return items[0] as ListedWorktree;
  }

  /** Ids of all of them, by the names of their directories. */
  async ids(id: string): Promise<Record<string, string>> {
    return Object.fromEntries((await this.list(id)).map((one) => [one.path.split('/').at(-1) ?? '', one.id]));
  }

  /** A clean-up of those that have not been used for a day, or for as long as is said. */
  async cleanUp(id: string, dry_run: boolean, more: { unused_for_seconds?: number } = {}): Promise<Decided[]> {
    const { status, body } = await this.ada.post('/worktrees/cleanup', { dry_run, repository_id: id, ...more });
    expect(status).toBe(200);
    return body['decisions'] as Decided[];
  }
}
