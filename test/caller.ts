import { signIn } from './sign-in.js';
import type { TestApp } from './test-app.js';

export interface Repository {
  id: string;
  organization_id: string;
  full_name: string | null;
  clone_url: string | null;
  local_path: string | null;
  default_branch: string;
  status: string;
  last_error: string | null;
  notice: string | null;
  last_synced_at: string | null;
  mirror_rebuilt_at: string | null;
  lost_branches: string[];
  auto_pr: boolean;
  has_credentials: boolean;
}

export interface LogEntry {
  id: string;
  timestamp: string;
  message: string;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** A person with an organization of their own, and what they may ask. */
export class Caller {
  constructor(
    private readonly server: TestApp,
    private readonly authorized: { authorization: string },
  ) {}

  static async signIn(server: TestApp): Promise<Caller> {
    const { access_token } = await signIn(server);
    return new Caller(server, { authorization: `Bearer ${access_token}` });
  }

  /** The same person at another process. */
  at(server: TestApp): Caller {
    return new Caller(server, this.authorized);
  }

  get = (path: string) => this.server.request.get(`/api/v1${path}`).set(this.authorized);

  post = (path: string, body: object = {}) =>
    this.server.request.post(`/api/v1${path}`).set(this.authorized).send(body);

  patch = (path: string, body: object) => this.server.request.patch(`/api/v1${path}`).set(this.authorized).send(body);

  put = (path: string, body: object) => this.server.request.put(`/api/v1${path}`).set(this.authorized).send(body);

  delete = (path: string) => this.server.request.delete(`/api/v1${path}`).set(this.authorized);

  /** Registers a repository on this disk. */
  async register(local_path: string): Promise<Repository> {
    return (await this.post('/repositories', { local_path }).expect(201)).body as Repository;
  }

  async repositories(query = ''): Promise<Page<Repository>> {
    return (await this.get(`/repositories?${query}`).expect(200)).body as Page<Repository>;
  }

  async logs(query: string): Promise<Page<LogEntry>> {
    return (await this.get(`/logs?${query}`).expect(200)).body as Page<LogEntry>;
  }

  /** The lines of the log, newest first. */
  async messages(query: string): Promise<string[]> {
    return (await this.logs(query)).items.map(({ message }) => message);
  }
}
