import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { components } from '../src/client/schema.generated.js';
import { newId } from '../src/ids.js';
import { until } from './git-processes.js';
import { signInPerson, type Answer, type TestPerson } from './fleet.js';
import { commit, git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

export type Commit = components['schemas']['Commit'];
export type WholeCommit = components['schemas']['WholeCommit'];
export type Branch = components['schemas']['Branch'];

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type BranchList = components['schemas']['BranchPage'];

/** A server with mirrors, and a person who has repositories there. */
export class HistorySite {
  private constructor(
    readonly scratch: Scratch,
    readonly server: TestApp,
    readonly person: TestPerson,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<HistorySite> {
    const scratch = new Scratch();
    const server = await startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
      ...environment,
    });
    return new HistorySite(scratch, server, await signInPerson(server));
  }

  async stop(): Promise<void> {
    await this.server.close();
    this.scratch.remove();
  }

  /** A repository that can be registered, with an empty commit for each message. */
  source = (messages: readonly string[] = []): string => this.scratch.repository(`roots/${newId()}`, messages);

  /** Registers a repository, and gives its id. */
  async register(local_path: string): Promise<string> {
    return String((await this.person.post('/repositories', { local_path })).body['id']);
  }

  mirrorOf = (id: string): string => join(this.scratch.path, 'mirrors', `${id}.git`);

  commits = (id: string, query = ''): Promise<Page<Commit>> => this.read(`/repositories/${id}/commits?${query}`);

  commit = (id: string, sha: string, query = ''): Promise<WholeCommit> =>
    this.read(`/repositories/${id}/commits/${sha}?${query}`);

  /** With all of their figures, which a machine that is busy has a moment later. */
  async branches(id: string, query = ''): Promise<BranchList> {
    const read = (): Promise<BranchList> => this.read(`/repositories/${id}/branches?${query}`);
    let page = await read();
    await until(async () => !page.counting || !(page = await read()).counting);
    return page;
  }

  async subjects(id: string, query = ''): Promise<string[]> {
    return (await this.commits(id, query)).items.map(({ subject }) => subject);
  }

  async read<T>(path: string): Promise<T> {
    const { status, body } = await this.person.get(path);
    if (status !== 200) throw new Error(`${path} was answered with ${String(status)} ${JSON.stringify(body)}`);
    return body as T;
  }
}

export const refusalOf = async (asked: Promise<Answer>): Promise<string> => {
  const { status, body } = await asked;
  return `${String(status)} ${String(body['code'])}`;
};

/** Commits files with their contents. */
export function save(source: string, files: Record<string, string | Buffer>, message: string, at?: number): string {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(source, name), content);
  git(source, 'add', '--all');
  return commit(source, message, at);
}

/** Stores bytes as a commit, as Git itself would never write it, and points a branch at it. */
export function store(source: string, content: Buffer, branch: string): string {
  const args = ['hash-object', '-t', 'commit', '-w', '--literally', '--stdin'];
  const sha = execFileSync('git', args, { cwd: source, env: GIT_ENVIRONMENT, input: content }).toString().trim();
  git(source, 'update-ref', branch, sha);
  return sha;
}

/** Pushes what is checked out. The server may run in this process, so this does not block it. */
export async function pushed(checkout: string, address: string, branch: string): Promise<void> {
  const args = ['push', '-q', address, `HEAD:refs/heads/${branch}`];
  const child = spawn('git', args, { cwd: checkout, env: GIT_ENVIRONMENT, stdio: 'ignore' });
  if ((await new Promise((resolve) => child.once('close', resolve))) !== 0) throw new Error('git push failed');
}

/** Gives a repository what git makes of a stream. The server may run in this process, so this does not block it. */
export async function fastImport(source: string, stream: Iterable<string>): Promise<void> {
  const child = spawn('git', ['fast-import', '--quiet', '--force'], { cwd: source, env: GIT_ENVIRONMENT });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for (const part of stream)
    if (!child.stdin.write(part)) await new Promise((resolve) => child.stdin.once('drain', resolve));
  child.stdin.end();
  if ((await ended) !== 0) throw new Error('git fast-import failed');
}
