import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '../src/ids.js';
import type { Finish, Grant, Heartbeat, LogBatch, WorkerRegistration, WorktreeReport } from '../src/runner/protocol.js';
import { serveGit } from './git-backend.js';

interface Attempt {
  readonly log: LogBatch['entries'];
  finish: Finish | null;
  finishes: number;
}

type Answer = [status: number, body: Record<string, unknown>];

/** The worker's side of the contract in memory, with faults on demand: for specs of the runner alone. */
export class StandInServer {
  readonly registrations: WorkerRegistration[] = [];
  readonly attempts = new Map<string, Attempt>();
  readonly heartbeats: (Pick<Heartbeat, 'launchers'> & { executions: { id: string; message?: string }[] })[] = [];
  readonly pushes: string[] = [];
  /** Command lines of every process of this machine that names git, seen while git spoke with this server. */
  readonly gitCommands: string[] = [];
  readonly worktrees: WorktreeReport[][] = [];
  readonly removeWorktrees = new Set<string>();
  readonly forceWorktrees = new Set<string>();
  /** The pause of its own that a worker asked for. */
  pause: { note: string } | null = null;
  readonly cancel = new Set<string>();
  readonly lost = new Set<string>();
  readonly problems = new Map<RegExp, Answer>();
  /** How often one of the problems was the answer. */
  refusals = 0;
  token = '';
  refuseEntries: (batch: LogBatch) => boolean = () => false;
  claims: { max: number; request_key: string }[] = [];
  heartbeatSeconds = 0.2;
  /** How long it takes to store a batch of log entries. */
  logDelayMs = 0;
  /** Requests that are carried out but whose answer never arrives: how often for which path. */
  private readonly swallowed = new Map<RegExp, number>();
  private readonly queue: Grant[] = [];
  private readonly granted = new Map<string, Grant[]>();
  private readonly watchers = new Set<() => void>();
  private server: Server | null = null;
  private port = 0;

  /** `gitRoot` holds bare repositories named `<repository id>.git`. */
  constructor(private readonly gitRoot = '') {}

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** Listens, after a stop on the same port again. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Cuts every connection, as a killed process does; what was stored stays. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  swallow(path: RegExp, times = 1): void {
    this.swallowed.set(path, times);
  }

  give(grant: Grant): void {
    this.queue.push(grant);
    this.attemptOf(grant.execution.id);
    this.tell();
  }

  attemptOf(id: string): Attempt {
    const known = this.attempts.get(id) ?? { log: [], finish: null, finishes: 0 };
    this.attempts.set(id, known);
    return known;
  }

  /** Resolves when the fact holds; it is looked at after each request. */
  async until(fact: () => boolean): Promise<void> {
    while (!fact()) await new Promise<void>((resolve) => this.watchers.add(resolve));
  }

  async finished(id: string): Promise<Finish> {
    await this.until(() => this.attemptOf(id).finish !== null);
    return this.attemptOf(id).finish!;
  }

  private tell(): void {
    const watchers = [...this.watchers];
    this.watchers.clear();
    watchers.forEach((wake) => wake());
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path.startsWith('/git/')) {
      this.serveGit(request, response);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>;
    const [status, answer] = await this.answer(path, request, body);
    this.tell();
    const swallowed = [...this.swallowed].find(([pattern, times]) => times > 0 && pattern.test(path));
    if (swallowed !== undefined) {
      this.swallowed.set(swallowed[0], swallowed[1] - 1);
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
    response.end(JSON.stringify(answer));
  }

  private async answer(path: string, request: IncomingMessage, body: Record<string, unknown>): Promise<Answer> {
    const planned = [...this.problems].find(([pattern]) => pattern.test(path));
    if (planned !== undefined) {
      this.refusals += 1;
      return planned[1];
    }
    if (path === '/api/v1/workers') return this.register(body as unknown as WorkerRegistration);
    if (request.headers.authorization !== `Bearer ${this.token}`) return problem(401, 'auth/unauthenticated');
    const [, id = '', verb = ''] = /^\/api\/v1\/(?:workers|executions)\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    switch (verb) {
      case 'heartbeat':
        this.heartbeats.push(body as never);
        if (body['pause'] !== undefined) this.pause = body['pause'] as { note: string };
        return [
          200,
          {
            ...this.directives(),
            server_time: new Date().toISOString(),
            next_heartbeat_seconds: this.heartbeatSeconds,
            note: null,
          },
        ];
      case 'claim':
        return this.claim(body as never, request);
      case 'logs':
        if (this.logDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.logDelayMs));
        return this.storeLogs(id, body as unknown as LogBatch);
      case 'worktrees':
        this.worktrees.push(body['worktrees'] as never);
        return [
          200,
          {
            ...this.directives(),
            remove_worktrees: [...this.removeWorktrees],
            force_worktrees: [...this.forceWorktrees],
          },
        ];
      case 'progress':
        return [200, this.directives()];
      case 'finish':
        return this.finish(id, body as unknown as Finish);
      default:
        return problem(404, 'request/not-found');
    }
  }

  private register(body: WorkerRegistration): Answer {
    this.registrations.push(body);
    this.token = `mwt_${newId()}`;
    const worker = { id: newId(), name: body.name };
    const numbers = { heartbeat_seconds: this.heartbeatSeconds, lease_seconds: 60, log_batch: 1000 };
    return [201, { worker, token: this.token, protocol: 1, min_protocol: 1, server_version: 'stand-in', ...numbers }];
  }

  private async claim(body: { max: number; request_key: string }, request: IncomingMessage): Promise<Answer> {
    this.claims.push(body);
    const before = this.granted.get(body.request_key);
    if (before !== undefined) return [200, { ...this.directives(), executions: before }];
    // A long poll that also returns when there is something to tell.
    const told = this.cancel.size + this.lost.size;
    const stop = performance.now() + 2000;
    while (
      this.queue.length === 0 &&
      !request.socket.destroyed &&
      told === this.cancel.size + this.lost.size &&
      performance.now() < stop
    )
      await new Promise((resolve) => setTimeout(resolve, 10));
    if (request.socket.destroyed) return [200, {}];
    const executions = this.queue.splice(0, body.max);
    if (executions.length > 0) this.granted.set(body.request_key, executions);
    return [200, { ...this.directives(), executions }];
  }

  private storeLogs(id: string, batch: LogBatch): Answer {
    const { offset, entries } = batch;
    const { log } = this.attemptOf(id);
    if (this.refuseEntries(batch)) return problem(400, 'request/invalid');
    if (this.lost.has(id)) return problem(409, 'execution/lease-lost');
    if (offset > log.length) return problem(409, 'execution/log-offset', { next_offset: log.length });
    log.push(...entries.slice(log.length - offset));
    return [200, { ...this.directives(), next_offset: log.length }];
  }

  private finish(id: string, finish: Finish): Answer {
    if (this.lost.has(id)) return problem(409, 'execution/lease-lost');
    const attempt = this.attemptOf(id);
    attempt.finishes++;
    attempt.finish ??= finish;
    const status = finish.outcome;
    return [
      200,
      { ...this.directives(), execution: { id, status, log_incomplete: false }, task: { id: newId(), status } },
    ];
  }

  private directives(): Record<string, unknown> {
    return {
      cancel: [...this.cancel],
      lost: [...this.lost],
      desired_status: this.pause === null ? 'active' : 'paused',
    };
  }

  private serveGit(request: IncomingMessage, response: ServerResponse): void {
    const [user, password] = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64')
      .toString()
      .split(':');
    if (password !== this.token || user === undefined || this.lost.has(user)) {
      response.writeHead(password === this.token ? 403 : 401, { 'www-authenticate': 'Basic' }).end();
      return;
    }
    this.gitCommands.push(...commandLines().filter((line) => line.includes('git')));
    const url = new URL(request.url ?? '', this.url);
    if (url.pathname.endsWith('/git-receive-pack') && request.method === 'POST') this.pushes.push(user);
    serveGit(request, response, {
      root: this.gitRoot,
      path: url.pathname.slice('/git'.length),
      user,
      settings: { 'http.receivepack': 'true' },
      onDone: () => this.tell(),
    });
  }
}

const commandLines = (): string[] =>
  readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') : [];
    } catch {
      return [];
    }
  });

const problem = (status: number, code: string, extra: Record<string, unknown> = {}): Answer => [
  status,
  { type: 'about:blank', title: code, status, code, ...extra },
];
