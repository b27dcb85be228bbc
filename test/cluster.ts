import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Environment } from '../src/config/load.js';
import { ServerProcess } from './server-process.js';
import { REGISTRATION_KEY, testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';

export interface ClusterAnswer {
  status: number;
  body: Record<string, unknown>;
}

export interface ClusterCall {
  token: string;
  method: string;
  path: string;
  body?: object;
  headers?: Record<string, string>;
}

const PATIENCE_MS = 60_000;
const LOOK_MS = 20;
const LOGGED_MS = 500;

/** A fault of a server, with what it logs of it. */
async function faultOf(server: ServerProcess, answer: string): Promise<Error> {
  await new Promise((resolve) => setTimeout(resolve, LOGGED_MS));
  return new Error(`${answer}\n${server.stdout}${server.stderr}`);
}

/** Several processes of the built server on one database, any of which may be killed at any moment. */
export class Cluster {
  private readonly members: { process: ServerProcess; url: string | null }[] = [];
  private turn = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly sql: pg.Client,
    private readonly environment: Environment,
  ) {}

  static async start(size: number, overrides: Environment = {}): Promise<Cluster> {
    const database = await createDatabase();
    const sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    const environment = testEnvironment(database.url, {
      JWT_SECRET: randomBytes(32).toString('base64'),
      DATABASE_POOL_MAX: '20',
      LOG_LEVEL: 'error',
      ...overrides,
    });
    const cluster = new Cluster(database, sql, environment);
    await Promise.all(Array.from({ length: size }, (_, at) => cluster.bringUp(at)));
    return cluster;
  }

  /** Kills a process without a warning, and begins another in its place. */
  async replace(at: number): Promise<void> {
    const member = this.members[at];
    if (member === undefined) throw new Error(`the cluster has no process ${String(at)}`);
    member.url = null;
    await member.process.kill();
    await this.bringUp(at);
  }

  /** One attempt at one process; null when it is away, or goes away before it has answered. */
  async attempt({ token, method, path, body, headers = {} }: ClusterCall): Promise<ClusterAnswer | null> {
    const up = this.members.filter(({ url }) => url !== null);
    const member = up[(this.turn += 1) % Math.max(up.length, 1)];
    if (member === undefined) return null;
    try {
      const answer = await fetch(`${String(member.url)}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (answer.status === 500) throw await faultOf(member.process, `${method} ${path}: ${text}`);
      return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as ClusterAnswer['body'] };
    } catch (error) {
      // What fetch says of a server that is not there, or goes away in the middle; a cut answer is no JSON either. By
      // name: fetch makes its errors outside of Jest's own world, where the classes are others.
      if (['TypeError', 'SyntaxError'].includes((error as { name?: string }).name ?? '')) return null;
      throw error;
    }
  }

  /** Asks again until somebody answers with something else than "not now". */
  async ask(call: ClusterCall): Promise<ClusterAnswer> {
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until;) {
      const answer = await this.attempt(call);
      if (answer !== null && answer.status !== 503) return answer;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(`nobody answered ${call.method} ${call.path}`);
  }

  /** Token of a person with an organization of their own. */
  async signIn(github_id = 1): Promise<string> {
    const login = { github_id, email: `cluster${String(github_id)}@example.org` };
    const { body } = await this.ask({ token: '', method: 'POST', path: '/auth/mock', body: login });
    return String(body['access_token']);
  }

  async register(name: string, capacity: number): Promise<{ id: string; token: string }> {
    const { status, body } = await this.ask({
      token: REGISTRATION_KEY,
      method: 'POST',
      path: '/workers',
      // An answer that was lost with its server has taken the name all the same; who asks again is the same worker.
      body: { name, scope: 'instance', capacity, replace: true },
    });
    if (status > 201) throw new Error(`a worker was answered with ${String(status)} ${JSON.stringify(body)}`);
    return { id: (body['worker'] as { id: string }).id, token: String(body['token']) };
  }

  async count(what: string): Promise<number> {
    return (await this.sql.query<{ n: number }>(`select count(*)::int as n from ${what}`)).rows[0]?.n ?? 0;
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ process }) => process.kill()));
    await this.sql.end();
    await this.database.drop();
  }

  private async bringUp(at: number): Promise<void> {
    const process = new ServerProcess(this.environment);
    const member = { process, url: null as string | null };
    this.members[at] = member;
    member.url = await process.url();
  }
}
