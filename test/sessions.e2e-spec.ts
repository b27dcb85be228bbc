import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newKey, newRefreshToken } from '../src/auth/keys.js';
import { newId } from '../src/ids.js';
import { becomes, caller, leaves, newOrganization, organizationOf } from './memberships.js';
import { codeOf, signIn, type TokenPair } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
/** Another process of the same system. */
let other: TestApp;

beforeAll(async () => {
  const JWT_SECRET = randomBytes(32).toString('base64');
  server = await startTestApp({ JWT_SECRET });
  other = await startTestApp({ JWT_SECRET }, server);
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const refresh = (refresh_token: unknown) => server.request.post('/api/v1/auth/refresh').send({ refresh_token });
const logout = (token: string, body?: object) =>
  server.request.post('/api/v1/auth/logout').set('Authorization', `Bearer ${token}`).send(body);

const get = (path: string, token: string) =>
  server.request.get(`/api/v1/${path}`).set('Authorization', `Bearer ${token}`);

const numberOf = async (sql: string, parameters: unknown[] = []): Promise<number> =>
  Number((await server.sql.query<{ n: string }>(`select count(*) as n from ${sql}`, parameters)).rows[0]?.n);

describe('refresh', () => {
  it('gives the next pair and uses up the token', async () => {
    const first = await signIn(server);
    const answer = await refresh(first.refresh_token).expect(200);
    const second = answer.body as TokenPair;
    expect(second).toMatchObject({ token_type: 'Bearer', expires_in: 3600, user: first.user });
    expect(second.refresh_token).not.toBe(first.refresh_token);
    await get('auth/me', first.access_token).expect(200);
    await get('auth/me', second.access_token).expect(200);
    await refresh(second.refresh_token).expect(200);
  });

  it('ends the whole session when a used token comes again', async () => {
    const first = await signIn(server);
    const { body } = await refresh(first.refresh_token).expect(200);
    const second = body as TokenPair;
    expect(await codeOf(refresh(first.refresh_token))).toBe('401 auth/session-ended');
    expect(await codeOf(get('auth/me', first.access_token))).toBe('401 auth/session-ended');
    expect(await codeOf(get('auth/me', second.access_token))).toBe('401 auth/session-ended');
    expect(await codeOf(refresh(second.refresh_token))).toBe('401 auth/session-ended');
  });

  it('never leaves two live branches of 20 exchanges at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { refresh_token, user } = await signIn(server);
      const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refresh_token)));
      expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
      expect(answers.filter(({ status }) => status !== 200 && status !== 401)).toEqual([]);
      expect(await numberOf('sessions where user_id = $1 and revoked_at is null', [user.id])).toBe(0);
    }
  });

  it('takes neither access tokens nor keys nor unknown or expired tokens', async () => {
    const { access_token, refresh_token, user } = await signIn(server);
    for (const token of [access_token, newKey('myw_'), newRefreshToken(), `${refresh_token}A`, refresh_token.slice(4)])
      expect(await codeOf(refresh(token))).toBe('401 auth/invalid-token');
    await server.sql.query(
      'update refresh_tokens set expires_at = now() where session_id = (select id from sessions where user_id = $1)',
      [user.id],
    );
    expect(await codeOf(refresh(refresh_token))).toBe('401 auth/invalid-token');
    await get('auth/me', access_token).expect(200);
  });

  it('needs a token, in the body or in a cookie', async () => {
    expect(await codeOf(refresh(undefined))).toBe('401 auth/no-token');
  });

  it.each([null, 7, '', 'a b', {}])('refuses %j as input', async (token) => {
    await refresh(token).expect(400);
  });

  it('forgets expired tokens of the session', async () => {
    const { refresh_token, user } = await signIn(server);
    const own = 'session_id = (select id from sessions where user_id = $1)';
    const { body } = await refresh(refresh_token).expect(200);
    await server.sql.query(`update refresh_tokens set expires_at = now() where used_at is not null and ${own}`, [
      user.id,
    ]);
    await refresh((body as TokenPair).refresh_token).expect(200);
    expect(await numberOf(`refresh_tokens where ${own}`, [user.id])).toBe(2);
  });
});

describe('logout', () => {
  it('ends this session with the next request, and leaves the others', async () => {
    const [here, elsewhere] = [await signIn(server, 1100), await signIn(server, 1100)];
    await logout(here.access_token).expect(204);
    expect(await codeOf(get('auth/me', here.access_token))).toBe('401 auth/session-ended');
    expect(await codeOf(refresh(here.refresh_token))).toMatch(/^401/);
    await get('auth/me', elsewhere.access_token).expect(200);
  });

  it('ends every session of the person when asked to, and of nobody else', async () => {
    const [here, elsewhere, other] = [await signIn(server, 1101), await signIn(server, 1101), await signIn(server)];
    await logout(here.access_token, { everywhere: true }).expect(204);
    expect(await codeOf(get('auth/me', elsewhere.access_token))).toBe('401 auth/session-ended');
    await get('auth/me', other.access_token).expect(200);
  });

  it.each([{ everywhere: 'yes' }, { everywhere: null }, { all: true }, []])('refuses %j', async (body) => {
    const { access_token } = await signIn(server);
    await logout(access_token, body).expect(400);
    await get('auth/me', access_token).expect(200);
  });
});

describe('the lifetime of a session', () => {
  interface Times {
    seconds_left: number;
    expires_at: string;
    ends_at: string;
    token_expires_at: string;
  }

  const timesOf = async (user_id: string): Promise<Times> => {
    const { rows } = await server.sql.query<Times>(
      `select extract(epoch from s.ends_at - now())::float8 as seconds_left, s.expires_at::text, s.ends_at::text,
              r.expires_at::text as token_expires_at
       from sessions s join refresh_tokens r on r.session_id = s.id and r.used_at is null where s.user_id = $1`,
      [user_id],
    );
    return rows[0]!;
  };

  it('is the limit of every refresh, and the answer says how long the token lives', async () => {
    const first = await signIn(server);
    await server.sql.query(`update sessions set ends_at = now() + interval '90 s' where user_id = $1`, [first.user.id]);
    let { refresh_token } = first;
    for (const seconds of [90, 30, 5]) {
      await server.sql.query('update sessions set ends_at = now() + make_interval(secs => $2) where user_id = $1', [
        first.user.id,
        seconds,
      ]);
      const { body } = await refresh(refresh_token).expect(200);
      const pair = body as TokenPair;
      const { seconds_left, expires_at, ends_at, token_expires_at } = await timesOf(first.user.id);
      expect([expires_at, token_expires_at]).toEqual([ends_at, ends_at]);
      expect(pair.refresh_expires_in).toBeLessThanOrEqual(seconds);
      expect(pair.refresh_expires_in).toBeGreaterThanOrEqual(Math.floor(seconds_left));
      ({ refresh_token } = pair);
    }
  });

  it('is over for access and refresh tokens alike, whatever their own times say', async () => {
    const { access_token, refresh_token, user } = await signIn(server);
    await server.sql.query('update sessions set ends_at = now() where user_id = $1', [user.id]);
    expect(await codeOf(get('auth/me', access_token))).toBe('401 auth/session-ended');
    expect(await codeOf(refresh(refresh_token))).toBe('401 auth/session-ended');
    expect(await codeOf(caller(server, access_token).get('auth/sessions'))).toBe('401 auth/session-ended');
  });
});

describe('the list of sessions', () => {
  interface Listed {
    id: string;
    current: boolean;
    organization: { id: string; name: string };
    user_agent: string | null;
    last_used_at: string;
  }
  interface Sessions {
    items: Listed[];
    next_cursor: string | null;
  }

  const sessionsOf = async (token: string, query = '', on = server): Promise<Sessions> =>
    (await caller(on, token).get(`auth/sessions?${query}`).expect(200)).body as Sessions;

  it('has the devices of the caller that are signed in, newest first, and of nobody else', async () => {
    const login = { github_id: 1200, email: 'grace@example.com' };
    const phone = await server.request.post('/api/v1/auth/mock').set('User-Agent', 'phone/1').send(login).expect(200);
    const laptop = await server.request.post('/api/v1/auth/mock').set('User-Agent', 'laptop/2').send(login).expect(200);
    await signIn(server);
    const { access_token } = phone.body as TokenPair;
    const { items, next_cursor } = await sessionsOf(access_token, '', other);
    expect(next_cursor).toBeNull();
    expect(items.map(({ current, user_agent }) => [user_agent, current])).toEqual([
      ['laptop/2', false],
      ['phone/1', true],
    ]);
    expect(items[1]).toEqual({
      id: expect.any(String),
      current: true,
      origin: 'mock',
      organization: { id: await organizationOf(server, access_token), name: 'grace' },
      created_at: expect.stringMatching(/Z$/),
      last_used_at: expect.stringMatching(/Z$/),
      expires_at: expect.stringMatching(/Z$/),
      ends_at: expect.stringMatching(/Z$/),
      user_agent: 'phone/1',
      ip: '127.0.0.1',
    });
    const { refresh_token } = laptop.body as TokenPair;
    await server.request.post('/api/v1/auth/refresh').set('User-Agent', 'laptop/3').send({ refresh_token }).expect(200);
    expect((await sessionsOf(access_token)).items[0]?.user_agent).toBe('laptop/3');
    const page = await sessionsOf(access_token, 'limit=1');
    expect(page.items.map(({ user_agent }) => user_agent)).toEqual(['laptop/3']);
    const rest = await sessionsOf(access_token, `limit=1&cursor=${String(page.next_cursor)}`);
    expect(rest).toMatchObject({ items: [{ user_agent: 'phone/1' }], next_cursor: null });
    for (const query of ['cursor=broken', 'limit=101', 'user_id=1'])
      expect(await codeOf(caller(server, access_token).get(`auth/sessions?${query}`))).toBe('400 request/invalid');
  });

  it('leaves out those that have ended, expired or lost their organization', async () => {
    const [here, out, expired, ended, astray] = await Promise.all(
      Array.from({ length: 5 }, () => signIn(server, 1201)),
    );
    const idOf = async ({ access_token }: TokenPair) =>
      (await sessionsOf(access_token)).items.find(({ current }) => current)!.id;
    const past = (column: string, id: string) =>
      server.sql.query(`update sessions set ${column} = now() where id = $1`, [id]);
    const organization_id = await newOrganization(server, 'elsewhere');
    await becomes(server, here!.user, 'viewer', organization_id);
    const switched = caller(server, astray!.access_token).post('auth/switch-organization', { organization_id });
    const { access_token } = (await switched.expect(200)).body as TokenPair;
    expect((await sessionsOf(here!.access_token)).items).toHaveLength(5);
    expect((await sessionsOf(access_token)).items.find(({ current }) => current)?.organization.name).toBe('elsewhere');
    await logout(out!.access_token).expect(204);
    await past('expires_at', await idOf(expired!));
    await past('ends_at', await idOf(ended!));
    await leaves(server, here!.user, organization_id);
    expect((await sessionsOf(here!.access_token)).items).toMatchObject([{ current: true }]);
  });

  it('ends one with the next request on every process, with its refresh tokens, and no other', async () => {
    const [here, lost] = [await signIn(server, 1202), await signIn(server, 1202)];
    const id = (await sessionsOf(here.access_token)).items.find(({ current }) => !current)!.id;
    await caller(other, lost.access_token).get('auth/me').expect(200);
    await caller(server, here.access_token).delete(`auth/sessions/${id.toUpperCase()}`).expect(204);
    for (const on of [other, server])
      expect(await codeOf(caller(on, lost.access_token).get('auth/me'))).toBe('401 auth/session-ended');
    expect(await codeOf(refresh(lost.refresh_token))).toBe('401 auth/session-ended');
    await refresh(here.refresh_token).expect(200);
    const audited = `audit_entries where action = 'auth.session_revoked' and subject ->> 'session_id' = $1
      and actor ->> 'id' = $2 and ip is not null`;
    expect(await numberOf(audited, [id, here.user.id])).toBe(1);
    const again = caller(server, here.access_token).delete(`auth/sessions/${id}`);
    expect(await codeOf(again)).toBe('404 auth/session-not-found');
  });

  it('ends the current one as well', async () => {
    const { access_token } = await signIn(server);
    const [own] = (await sessionsOf(access_token)).items;
    await caller(server, access_token).delete(`auth/sessions/${own!.id}`).expect(204);
    expect(await codeOf(get('auth/me', access_token))).toBe('401 auth/session-ended');
  });

  it("does not end somebody else's, which looks like none", async () => {
    const [one, stranger] = [await signIn(server), await signIn(server)];
    const [foreign] = (await sessionsOf(one.access_token)).items;
    const revoke = (id: string) => caller(server, stranger.access_token).delete(`auth/sessions/${id}`);
    const answers = [await revoke(foreign!.id).expect(404), await revoke(newId()).expect(404)];
    const [first, second] = answers.map(({ body }) => ({ ...(body as object), request_id: '' }));
    expect(first).toEqual(second);
    await get('auth/me', one.access_token).expect(200);
    expect(await codeOf(revoke('current'))).toBe('400 request/invalid');
  });
});
