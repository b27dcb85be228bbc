import { PERMISSIONS, type Permission, type Role } from '../src/auth/permissions.js';
import { newId } from '../src/ids.js';
import { answerText } from './answer-text.js';
import { signIn, type TokenPair } from './sign-in.js';
import { REGISTRATION_KEY, type TestApp } from './test-app.js';

export interface SiteWorker {
  id: string;
  token: string;
}

/** What an answer came to. */
export interface Reply {
  status: number;
  text: string;
  json: Record<string, unknown>;
}

/** Sends one request to the API; without a token as nobody. */
export async function send(
  server: Pick<TestApp, 'url'>,
  token: string | null,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const answer = await fetch(server.url + path, {
    method,
    headers: {
      ...(token !== null && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    redirect: 'manual',
  });
  const text = await answerText(answer);
  const isJson = (answer.headers.get('content-type') ?? '').includes('json');
  return { status: answer.status, text, json: isJson ? (JSON.parse(text) as Reply['json']) : {} };
}

/** An organization with one caller of each kind; each is there from when it is first asked for. */
export class Site {
  private readonly people = new Map<Role, Promise<TokenPair>>();
  private readonly keys = new Map<string, Promise<string>>();
  private readonly workers = new Map<string, Promise<SiteWorker>>();
  private readonly coordinators = new Map<string, Promise<SiteWorker>>();
  private readonly guests = new Map<Site, Promise<TokenPair>>();

  private constructor(
    readonly server: TestApp,
    readonly organization_id: string,
  ) {}

  static async found(server: TestApp): Promise<Site> {
    const id = newId();
    await server.sql.query('insert into organizations (id, name) values ($1, $2)', [id, `site ${id}`]);
    return new Site(server, id);
  }

  /** Somebody with the role, always the same. */
  person(role: Role): Promise<TokenPair> {
    return once(this.people, role, () => this.join(role));
  }

  /** Somebody new with the role. */
  async join(role: Role): Promise<TokenPair> {
    const { refresh_token, user } = await signIn(this.server);
    await this.admit(user.id, role);
    await this.server.sql.query('update sessions set organization_id = $1 where user_id = $2', [
      this.organization_id,
      user.id,
    ]);
    // The next access token acts where the session does.
    const { json } = await send(this.server, null, 'POST', '/api/v1/auth/refresh', { refresh_token });
    return json as unknown as TokenPair;
  }

  /** A key of the organization with exactly these permissions. */
  key(permissions: readonly Permission[]): Promise<string> {
    return once(this.keys, permissions.join(), async () => {
      const { access_token } = await this.person('owner');
      const body = { name: 'key', permissions };
      const { json } = await send(this.server, access_token, 'POST', '/api/v1/api-keys', body);
      const secret = json['secret'];
      if (typeof secret !== 'string') throw new Error(`no key was made: ${JSON.stringify(json)}`);
      return secret;
    });
  }

  /** A token with which many machines may join. */
  joinToken(joins: 'worker' | 'coordinator'): Promise<string> {
    return once(this.keys, `join token for a ${joins}`, async () => {
      const { access_token } = await this.person('owner');
      const body = { uses: 1000, joins };
      const { json } = await send(this.server, access_token, 'POST', '/api/v1/workers/join-tokens', body);
      const token = json['token'];
      if (typeof token !== 'string') throw new Error(`no join token was made: ${JSON.stringify(json)}`);
      return token;
    });
  }

  /** A key with every permission but this one. */
  keyWithout(permission: Permission | null): Promise<string> {
    return this.key(PERMISSIONS.filter((one) => one !== permission));
  }

  /** An owner of this organization, who acts in it, and is a viewer of the other one. */
  guestOf(other: Site): Promise<TokenPair> {
    return once(this.guests, other, async () => {
      const pair = await this.join('owner');
      await other.admit(pair.user.id, 'viewer');
      return pair;
    });
  }

  /** A worker of the organization, always the same; by a name another one. */
  worker(name = 'first'): Promise<SiteWorker> {
    return once(this.workers, name, () => this.register());
  }

  /** A coordinator of the organization, always the same. */
  coordinator(): Promise<SiteWorker> {
    return once(this.coordinators, 'first', async () => {
      const { access_token } = await this.person('owner');
      const body = { name: `coordinator ${newId()}`, host: 'somewhere' };
      const { json } = await send(this.server, access_token, 'POST', '/api/v1/coordinators', body);
      const { coordinator, token } = json as { coordinator: { id: string }; token: string };
      return { id: coordinator.id, token };
    });
  }

  private async admit(user_id: string, role: Role): Promise<void> {
    await this.server.sql.query(
      'insert into organization_members (organization_id, user_id, role) values ($1, $2, $3)',
      [this.organization_id, user_id, role],
    );
  }

  private async register(): Promise<SiteWorker> {
    const { access_token } = await this.person('owner');
    const body = { name: `worker ${newId()}`, capacity: 256 };
    const { json } = await send(this.server, access_token, 'POST', '/api/v1/workers', body);
    const { worker, token } = json as { worker: { id: string }; token: string };
    return { id: worker.id, token };
  }
}

/** The key of the instance that lets workers register. */
export const instanceKey = REGISTRATION_KEY;

/** What the map has for the key; made where it has nothing yet. */
export function once<Key, T>(known: Map<Key, Promise<T>>, key: Key, make: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}
