import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { components } from '../src/client/schema.generated.js';
import { newId } from '../src/ids.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { commit, git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

export type Forecast = components['schemas']['ConflictForecast'];

/** A commit of what a checkout holds, and a pack of what the repository does not have of it. */
export interface WorkInProgress {
  /** Where it was committed. */
  clone: string;
  sha: string;
  pack: Buffer;
}

/** A server with repositories, and what runs in them: by hand, or by whoever registers there. */
export class RunningSite {
  private counter = 0;

  private constructor(
    readonly server: TestApp,
    readonly scratch: Scratch,
    readonly ada: TestPerson,
    /** Of Ada's organization; takes tasks with the label `by-hand`. */
    readonly worker: TestWorker,
  ) {}

  static async open(settings: Record<string, string> = {}): Promise<RunningSite> {
    const scratch = new Scratch();
    const server = await startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
      ...settings,
    });
    const ada = await signInPerson(server);
    const worker = await registerWorker(server, { labels: ['by-hand'] }, ada.token);
    return new RunningSite(server, scratch, ada, worker);
  }

  async close(): Promise<void> {
    await this.server.close();
    this.scratch.remove();
  }

  /** A registered repository; each of its files holds its own name. */
  async repository(names: readonly string[] = ['one', 'two', 'three']): Promise<{ id: string; source: string }> {
    const source = this.scratch.repository(`roots/source-${String(this.counter++)}`, []);
    for (const name of names) writeFileSync(join(source, name), `${name}\n`);
    git(source, 'add', '.');
    commit(source, 'feat: first');
    return { id: await this.register(source), source };
  }

  async register(source: string): Promise<string> {
    return String((await this.ada.post('/repositories', { local_path: source })).body['id']);
  }

  /** An execution that runs, of the worker by hand. */
  async execution(repository_id: string): Promise<{ id: string; branch: string }> {
    await this.ada.task({ repository_id, required_labels: ['by-hand'], priority: 'P0' });
    const [claimed] = await this.worker.claim({ max: 1 });
    if (claimed === undefined) throw new Error('there was nothing to claim');
    return { id: claimed.execution_id, branch: claimed.branch };
  }

  /** Commits these files on top of what is at HEAD of a source, in a clone of it, and pushes that. */
  async push(
    repository: { id: string; source: string },
    execution: { id: string; branch: string },
    files: Record<string, string>,
  ): Promise<string> {
    const { clone, sha } = this.changed(repository.source, files);
    const address = this.server.url.replace('http://', `http://${execution.id}:${this.worker.token}@`);
    const to = `${address}/git/${repository.id}.git`;
    await gitApart(clone, 'push', '-q', to, `HEAD:refs/heads/${execution.branch}`);
    return sha;
  }

  /** What a checkout of a source would hold with these files in it. */
  workInProgress(source: string, files: Record<string, string>): WorkInProgress {
    const { clone, sha } = this.changed(source, files);
    return { clone, sha, pack: packOf(clone, `${sha}\n^${git(clone, 'rev-parse', 'HEAD^')}\n`) };
  }

  /** Hands over a snapshot; gives the status, and the code of a refusal. */
  async send(
    repository_id: string,
    execution_id: string,
    sha: string,
    pack: Buffer | string = '',
    by: TestWorker = this.worker,
  ): Promise<string> {
    const answer = await fetch(`${this.server.url}/git/${repository_id}.git/git-snapshot?commit=${sha}`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${execution_id}:${by.token}`).toString('base64')}`,
        'content-type': 'application/x-git-snapshot-request',
      },
      body: pack,
    });
    const text = await answer.text();
    return answer.ok
      ? String(answer.status)
      : `${String(answer.status)} ${(JSON.parse(text) as { code: string }).code}`;
  }

  async foretell(repository_id: string): Promise<Forecast> {
    const { status, body } = await this.ada.get(`/repositories/${repository_id}/conflicts`);
    expect({ status, body }).toMatchObject({ status: 200 });
    return body as unknown as Forecast;
  }

  private changed(source: string, files: Record<string, string>): { clone: string; sha: string } {
    const clone = join(this.scratch.path, newId());
    git(this.scratch.path, 'clone', '-q', source, clone);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(clone, name), text);
    git(clone, 'add', '--all');
    return { clone, sha: commit(clone, 'feat: mine') };
  }
}

/** A pack of these revisions, whole in itself. */
export function packOf(repository: string, revisions: string): Buffer {
  const args = ['pack-objects', '--stdout', '--revs', '-q'];
  return execFileSync('git', args, { cwd: repository, env: GIT_ENVIRONMENT, input: revisions });
}

/** Git that speaks with the server, which runs in this process and must not be blocked. */
async function gitApart(cwd: string, ...args: string[]): Promise<void> {
  const child = spawn('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(said);
}
