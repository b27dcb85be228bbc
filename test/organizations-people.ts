import { hashOfSecret, newKey } from '../src/auth/keys.js';
import { PERMISSIONS, type Role } from '../src/auth/permissions.js';
import { newId } from '../src/ids.js';
import type { TokenPair } from './sign-in.js';
import type { TestApp } from './test-app.js';

/** Far from the ids that other specs use. */
let nextGithubId = 800_000;

/** Somebody with a login of their own, who calls the API. */
export class Somebody {
  private constructor(
    private readonly server: TestApp,
    readonly github_id: number,
    private pair: TokenPair,
  ) {}

  /** Signs in; with the GitHub id of somebody known as them. */
  static async signIn(server: TestApp, login?: string, github_id = nextGithubId++): Promise<Somebody> {
    const email = `${login ?? `somebody${String(github_id)}`}@example.com`;
    const { body } = await server.request.post('/api/v1/auth/mock').send({ github_id, email }).expect(200);
    return new Somebody(server, github_id, body as TokenPair);
  }

  get id(): string {
    return this.pair.user.id;
  }

  get login(): string {
    return this.pair.user.login;
  }

  get token(): string {
    return this.pair.access_token;
  }

  /** The same session as another process sees it. */
  at(server: TestApp): Somebody {
    return new Somebody(server, this.github_id, this.pair);
  }

  get = (path: string) => this.server.request.get(`/api/v1${path}`).set(this.authorized);

  post = (path: string, body: object = {}) =>
    this.server.request.post(`/api/v1${path}`).set(this.authorized).send(body);

  patch = (path: string, body: object) => this.server.request.patch(`/api/v1${path}`).set(this.authorized).send(body);

  delete = (path: string) => this.server.request.delete(`/api/v1${path}`).set(this.authorized);

  /** Exchanges the refresh token. */
  async refresh(): Promise<void> {
    const { refresh_token } = this.pair;
    this.pair = (await this.server.request.post('/api/v1/auth/refresh').send({ refresh_token }).expect(200))
      .body as TokenPair;
  }

  /** Has the session act in an organization, whatever routes there are for that. */
  async actIn(organization_id: string): Promise<this> {
    await this.server.sql.query('update sessions set organization_id = $1 where user_id = $2 and revoked_at is null', [
      organization_id,
      this.id,
    ]);
    await this.refresh();
    return this;
  }

  /** Id of the organization that the token acts in, and what the person is there. */
  async here(): Promise<{ id: string; role: Role }> {
    const { body } = await this.get('/auth/me').expect(200);
    const { organization, role } = body as { organization: { id: string }; role: Role };
    return { id: organization.id, role };
  }

  /** Makes an organization and acts in it from then on. */
  async found(name = 'Analytical Engines'): Promise<string> {
    const { body } = await this.post('/organizations', { name }).expect(201);
    const { id } = body as { id: string };
    await this.actIn(id);
    return id;
  }

  /** Invites somebody, who accepts and acts there from then on. */
  async takeIn(organization_id: string, other: Somebody, role: Role): Promise<Somebody> {
    const { body } = await this.post(`/organizations/${organization_id}/members`, { login: other.login, role }).expect(
      201,
    );
    await other.post(`/invitations/${(body as { id: string }).id}/accept`).expect(200);
    return other.actIn(organization_id);
  }

  private get authorized(): { authorization: string } {
    return { authorization: `Bearer ${this.pair.access_token}` };
  }
}

/** An organization with one of each role. */
export interface Staff {
  id: string;
  owner: Somebody;
  admin: Somebody;
  member: Somebody;
  viewer: Somebody;
}

export async function staffed(server: TestApp): Promise<Staff> {
  const owner = await Somebody.signIn(server);
  const id = await owner.found();
  const hire = async (role: Role) => owner.takeIn(id, await Somebody.signIn(server), role);
  return { id, owner, admin: await hire('admin'), member: await hire('member'), viewer: await hire('viewer') };
}

/** A problem without what differs from request to request. */
export const comparable = ({ status, body }: { status: number; body: unknown }): object => ({
  status,
  ...(body as object),
  request_id: '',
});

/** Entries of the audit log about an organization, oldest first. */
export async function auditOf(server: TestApp, organization_id: string): Promise<Record<string, unknown>[]> {
  const { rows } = await server.sql.query<Record<string, unknown>>(
    `select organization_id, actor->>'login' as actor, action, subject, data, request_id is not null as traced
     from audit_entries
     where (organization_id = $1 or subject->>'organization_id' = $1::text) and action not like 'auth.%'
     order by id`,
    [organization_id],
  );
  return rows;
}

/** A key of an organization, with every permission. */
export async function keyFor(server: TestApp, organization_id: string): Promise<string> {
  const secret = newKey('myk_');
  await server.sql.query(
    `insert into access_keys (id, organization_id, kind, name, prefix, permissions, secret_hash, created_by)
     values ($1, $2, 'api_key', 'robot', $3, $4, $5,
       (select user_id from organization_members where organization_id = $2 and role = 'owner' limit 1))`,
    [newId(), organization_id, secret.slice(0, 8), [...PERMISSIONS], hashOfSecret(secret)],
  );
  return secret;
}
