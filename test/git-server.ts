import { spawn } from 'node:child_process';
import { request as httpRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Global, Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { GitConfig } from '../src/config/git.config.js';
import { HttpConfig } from '../src/config/http.config.js';
import { Configuration } from '../src/config/load.js';
import { GitAccess, type ExecutionGrant } from '../src/git/git-access.js';
import { GitSilence } from '../src/git/git-exchange.js';
import { GitHttpModule } from '../src/git/git-http.module.js';
import { MirrorRecords } from '../src/git/mirror-records.js';
import { BoundedExpressAdapter } from '../src/http/server.js';
import { newId } from '../src/ids.js';
import { liveProcesses, type LiveProcess } from './git-processes.js';
import { RecordsInMemory } from './mirrors.js';
import { git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';

/** The branch that executions may push here. */
export const BRANCH = 'task/x-0123abcd-a1';

/** The port of the executions, over a map of credentials. */
class GrantsInMemory extends GitAccess {
  readonly rows = new Map<string, ExecutionGrant>();
  asked = 0;
  /** Pushes that were noted, as `<execution id> <commit>`. */
  readonly pushes: string[] = [];
  /** Called at each question, before it is answered. */
  onAsked: (asked: number) => void = () => undefined;

  override forExecution(execution_id: string, worker_token: string): Promise<ExecutionGrant | null> {
    this.onAsked(++this.asked);
    return Promise.resolve(this.rows.get(`${execution_id}:${worker_token}`) ?? null);
  }

  override notePush(execution_id: string, commit_sha: string): Promise<void> {
    this.pushes.push(`${execution_id} ${commit_sha}`);
    return Promise.resolve();
  }

  override noteSnapshot(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

@Global()
@Module({})
class Ports {
  static with(values: ReadonlyMap<unknown, object>): DynamicModule {
    const providers = [...values].map(([provide, useValue]) => ({ provide: provide as typeof GitConfig, useValue }));
    return { module: Ports, providers, exports: providers.map(({ provide }) => provide) };
  }
}

@Module({})
class TestModule {}

export interface GitAnswer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** The smart HTTP of the server with both its ports in memory, and a repository of two commits behind it. */
export class GitServer {
  readonly scratch = new Scratch();
  readonly grants = new GrantsInMemory();
  readonly records = new RecordsInMemory();
  readonly source = this.scratch.repository('roots/project', ['feat: one', 'feat: two']);
  readonly repository_id = this.records.add(this.source);
  /** Those of an execution that may push. */
  readonly credentials = this.grant();
  private app!: NestExpressApplication;
  private port = 0;

  /** `silence_ms`: how long a client may say nothing. */
  static async start(silence_ms?: number): Promise<GitServer> {
    Logger.overrideLogger(false);
    const own = new GitServer();
    const configuration = new Configuration([GitConfig, HttpConfig], {
      NODE_ENV: 'test',
      GIT_ROOT: own.scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: own.scratch.directory('roots'),
    });
    const http = configuration.get(HttpConfig);
    const ports = new Map<unknown, object>([
      [GitAccess, own.grants],
      [MirrorRecords, own.records],
      [GitConfig, configuration.get(GitConfig)],
      [HttpConfig, http],
    ]);
    if (silence_ms !== undefined) ports.set(GitSilence, new GitSilence(silence_ms));
    own.app = await NestFactory.create<NestExpressApplication>(
      { module: TestModule, imports: [Ports.with(ports), GitHttpModule] },
      new BoundedExpressAdapter(http),
      { bodyParser: false, logger: false },
    );
    await own.app.listen(0, '127.0.0.1');
    own.port = ((own.app.getHttpServer() as Server).address() as AddressInfo).port;
    return own;
  }

  async stop(): Promise<void> {
    (this.app.getHttpServer() as Server).closeAllConnections();
    await this.app.close();
  }

  /** Makes an execution and gives its credentials. */
  grant(changes: Partial<ExecutionGrant> = {}): string {
    const pair = `${newId()}:myw_secret`;
    const { repository_id } = this;
    this.grants.rows.set(pair, { repository_id, branch: BRANCH, current: true, worker_id: newId(), ...changes });
    return pair;
  }

  /** Serves another path under the same id. */
  moveTo(path: string): void {
    this.records.rows.set(this.repository_id, {
      source: { kind: 'local', path },
      default_branch: null,
      default_branch_chosen: false,
      last_error: null,
      synced_ms_ago: null,
    });
  }

  url(pair = this.credentials, id = this.repository_id): string {
    return `http://${pair}@127.0.0.1:${String(this.port)}/git/${id}.git`;
  }

  /** What the mirror says. */
  mirror(...args: string[]): string {
    return git(join(this.scratch.path, 'mirrors', `${this.repository_id}.git`), ...args);
  }

  branches(): string {
    return this.mirror('for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads');
  }

  /** What git says, whether it fails or not. The server runs in this process, so this must not block it. */
  attempt(cwd: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
    const child = spawn('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const listen = (chunk: Buffer): void => {
      said += chunk.toString('utf8');
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
  }

  /** A work tree that a worker made of the repository. */
  async clone(name = 'checkout', ...options: string[]): Promise<string> {
    const path = join(this.scratch.path, name);
    const { code, said } = await this.attempt(this.scratch.path, ...options, 'clone', '-q', this.url(), path);
    if (code !== 0) throw new Error(said);
    return path;
  }

  /** Pushes `HEAD` of the work tree, by default to the branch that may be pushed. */
  push(checkout: string, refspec = `HEAD:refs/heads/${BRANCH}`, ...more: string[]) {
    return this.attempt(checkout, 'push', this.url(), refspec, ...more);
  }

  authorization(pair = this.credentials): string {
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  }

  /** A request below the address of the repository, for those that git would not make; without credentials if null. */
  open(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    authorization: string | null = this.authorization(),
  ): ClientRequest {
    return httpRequest({
      host: '127.0.0.1',
      port: this.port,
      method,
      path: `/git/${this.repository_id}.git/${path}`,
      headers: { ...headers, ...(authorization === null ? {} : { authorization }) },
      agent: false,
    });
  }

  /** Git processes of the server that serve this repository. */
  serving(): LiveProcess[] {
    return liveProcesses().filter(({ command }) => command.includes(this.repository_id));
  }
}

/** Sends a request with its body and gives the whole answer. */
export function send(request: ClientRequest, body?: Buffer): Promise<GitAnswer> {
  return new Promise((resolve, reject) => {
    request.once('error', reject).once('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.end(body);
  });
}
