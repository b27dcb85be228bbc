import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newKey, newRefreshToken } from '../src/auth/keys.js';
import { PERMISSIONS } from '../src/auth/permissions.js';
import { newId } from '../src/ids.js';
import { OrganizationsService, type NewOrganization } from '../src/organizations/organizations.service.js';
import { eventually } from './eventually.js';
import { codeOf, signIn, type TokenPair } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const mock = (body: object) => server.request.post('/api/v1/auth/mock').send(body);
const get = (path: string, token: string) =>
  server.request.get(`/api/v1/${path}`).set('Authorization', `Bearer ${token}`);

const numberOf = async (sql: string, parameters: unknown[] = []): Promise<number> =>
  Number((await server.sql.query<{ n: string }>(`select count(*) as n from ${sql}`, parameters)).rows[0]?.n);

describe('mock login', () => {
  it('answers a pair of tokens and the user, and is not stored by caches', async () => {
    const answer = await mock({ github_id: 1001, email: 'Ada.L@example.com', name: 'Ada Lovelace' }).expect(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      access_token: expect.stringMatching(/^eyJ/),
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^myr_/),
      refresh_expires_in: 604_800,
      user: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        github_id: '1001',
        login: 'ada-l',
        email: 'Ada.L@example.com',
        name: 'Ada Lovelace',
        avatar_url: null,
        created_at: expect.stringMatching(/Z$/),
      },
    });
  });

  it('finds a person again by GitHub id alone and refreshes the profile', async () => {
    const first = await mock({ github_id: 1002, email: 'bob@example.com', name: 'Bob' }).expect(200);
    const second = await mock({ github_id: '1002', email: 'robert@example.com' }).expect(200);
    const { user: before } = first.body as TokenPair;
    const { user: after } = second.body as TokenPair;
    expect(after).toEqual({ ...before, email: 'robert@example.com', login: 'robert', name: 'Bob' });
    expect(await numberOf('organizations where personal_for = $1', [before.id])).toBe(1);
  });

  it('keeps GitHub ids beyond 2^53 exact', async () => {
    for (const github_id of ['9007199254740993', '9223372036854775807']) {
      const { body } = await mock({ github_id, email: 'big@example.com' }).expect(200);
      expect((body as TokenPair).user.github_id).toBe(github_id);
    }
  });

  it.each([0, -1, 1.5, 9007199254740992, '', '0', '01', '1e3', '9223372036854775808', null, true, [1], {}])(
    'refuses the GitHub id %j',
    async (github_id) => {
      const { body } = await mock({ github_id, email: 'a@example.com' }).expect(400);
      expect(body).toMatchObject({ code: 'request/invalid', errors: [{ field: 'github_id' }] });
    },
  );

  it.each([
    [{ github_id: 1 }, 'email'],
    [{ github_id: 1, email: 'nobody' }, 'email'],
    [{ github_id: 1, email: 'a@example.com', name: null }, 'name'],
    [{ github_id: 1, email: 'a@example.com', name: ' ' }, 'name'],
    [{ github_id: 1, email: 'a@example.com', role: 'owner' }, 'role'],
  ])('refuses %j for its %s', async (input, field) => {
    expect((await mock(input).expect(400)).body).toMatchObject({ errors: [{ field }] });
  });

  it('never signs in as a person known through GitHub, nor changes them', async () => {
    const { user } = await signIn(server, 1003);
    await server.sql.query('update users set github_login_at = now() where id = $1', [user.id]);
    const sessions = await numberOf('sessions');
    expect(await codeOf(mock({ github_id: 1003, email: 'thief@example.com' }))).toBe('403 auth/known-through-github');
    expect(await numberOf('sessions')).toBe(sessions);
    expect(await numberOf('users where email = $1', ['thief@example.com'])).toBe(0);
  });

  it('makes one person and one organization of many first logins at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => signIn(server, 1004)));
    expect(new Set(answers.map(({ user }) => user.id)).size).toBe(1);
    expect(await numberOf('organizations where personal_for = $1', [answers[0]?.user.id])).toBe(1);
  });

  it('announces a new organization once it can be seen, and only then', async () => {
    const seen: (NewOrganization & { visible: number })[] = [];
    server.app.get(OrganizationsService).onCreated(async (organization) => {
      seen.push({ ...organization, visible: await numberOf('organizations where id = $1', [organization.id]) });
    });
    const { user } = await signIn(server, 1005);
    await signIn(server, 1005);
    expect(seen.filter(({ created_by }) => created_by === user.id)).toEqual([
      { id: expect.any(String), created_by: user.id, visible: 1 },
    ]);
  });

  it('succeeds although a listener fails', async () => {
    server.app.get(OrganizationsService).onCreated(() => Promise.reject(new Error('the listener is broken')));
    await signIn(server);
  });

  it('is a 404 where it is off, whatever is sent', async () => {
    const closed = await startTestApp({ MOCK_LOGIN: 'off' });
    try {
      for (const body of [{ github_id: 1, email: 'a@example.com' }, {}])
        expect(await codeOf(closed.request.post('/api/v1/auth/mock').send(body))).toBe('404 auth/mock-login-off');
    } finally {
      await closed.close();
    }
  });
});

describe('GET /auth/me', () => {
  it('tells the person, their personal organization, role and permissions', async () => {
    const { access_token, user } = await signIn(server);
    const { body } = await get('auth/me', access_token).expect(200);
    expect(body).toEqual({
      user,
      is_administrator: false,
      organization: { id: expect.any(String), name: user.login, personal: true, created_at: expect.any(String) },
      role: 'owner',
      permissions: [...PERMISSIONS],
    });
  });

  it('follows a change of role, and the loss of membership, with the next request', async () => {
    const { access_token, user } = await signIn(server);
    await server.sql.query(`update organization_members set role = 'viewer' where user_id = $1`, [user.id]);
    const { body } = await get('auth/me', access_token).expect(200);
    expect(body).toMatchObject({ role: 'viewer', permissions: expect.not.arrayContaining(['tasks.create']) });
    await server.sql.query('delete from organization_members where user_id = $1', [user.id]);
    expect(await codeOf(get('auth/me', access_token))).toBe('401 auth/session-ended');
  });

  it.each([
    [undefined, '401 auth/no-token'],
    ['', '401 auth/no-token'],
    ['Basic YTpi', '401 auth/no-token'],
    ['Bearer', '401 auth/invalid-token'],
    ['Bearer a b', '401 auth/invalid-token'],
    ['Bearer ä', '401 auth/invalid-token'],
    ['Bearer null', '401 auth/invalid-token'],
    [`Bearer ${newRefreshToken()}`, '401 auth/invalid-token'],
    [`Bearer ${newKey('myk_')}`, '401 auth/invalid-token'],
  ])('with the header %j is %s', async (header, expected) => {
    const request = server.request.get('/api/v1/auth/me');
    const answer = await (header === undefined ? request : request.set('Authorization', header));
    expect(`${String(answer.status)} ${(answer.body as { code: string }).code}`).toBe(expected);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });

  it('refuses a token whose session belongs to somebody else', async () => {
    const [one, other] = [await signIn(server), await signIn(server)];
    await server.sql.query(
      'update sessions set user_id = $1, organization_id = (select id from organizations where personal_for = $1) where user_id = $2',
      [other.user.id, one.user.id],
    );
    expect(await codeOf(get('auth/me', one.access_token))).toBe('401 auth/invalid-token');
  });

  it('refuses tokens of a session that has expired', async () => {
    const { access_token, refresh_token, user } = await signIn(server);
    await server.sql.query('update sessions set expires_at = now() where user_id = $1', [user.id]);
    expect(await codeOf(get('auth/me', access_token))).toBe('401 auth/session-ended');
    expect(await codeOf(server.request.post('/api/v1/auth/refresh').send({ refresh_token }))).toMatch(/^401/);
  });

  it('notes the last use of a session at most once a minute', async () => {
    const { access_token, user } = await signIn(server);
    const lastUse = async () =>
      (
        await server.sql.query<{ at: string }>('select last_used_at::text as at from sessions where user_id = $1', [
          user.id,
        ])
      ).rows[0]?.at;
    const fresh = await lastUse();
    await get('auth/me', access_token).expect(200);
    expect(await lastUse()).toBe(fresh);
    await server.sql.query(`update sessions set last_used_at = now() - interval '61 s' where user_id = $1`, [user.id]);
    const stale = await lastUse();
    // The note is written behind the answer, for many together.
    await eventually('the last use was noted', async () => {
      await get('auth/me', access_token).expect(200);
      return (await lastUse()) !== stale;
    });
    expect((await lastUse()) ?? '').toMatch(/^\d{4}/);
  });
});

describe('organizations', () => {
  it('are listed for their members only, page by page', async () => {
    const { access_token, user } = await signIn(server);
    for (const name of ['second', 'third']) {
      await server.sql.query(
        `with o as (insert into organizations (id, name) values ($1, $2) returning id)
         insert into organization_members (organization_id, user_id, role) select id, $3, 'viewer' from o`,
        [newId(), name, user.id],
      );
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await get(`organizations?limit=1${query}`, access_token).expect(200);
      const page = body as { items: { name: string; personal: boolean }[]; next_cursor: string | null };
      seen.push(...page.items.map(({ name }) => name));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(['third', 'second', user.login]);
  });

  it('of others are not there, exactly like those that are not', async () => {
    const [one, other] = [await signIn(server), await signIn(server)];
    const { body: me } = await get('auth/me', one.access_token).expect(200);
    const { id } = (me as { organization: { id: string } }).organization;
    await get(`organizations/${id}`, one.access_token).expect(200);
    const { body: foreign } = await get(`organizations/${id}`, other.access_token).expect(404);
    const { body: absent } = await get(`organizations/${newId()}`, other.access_token).expect(404);
    const comparable = (problem: unknown) => ({ ...(problem as object), request_id: '' });
    expect(comparable(foreign)).toEqual(comparable(absent));
    await get('organizations/not-an-id', other.access_token).expect(400);
    await get('organizations?cursor=broken', other.access_token).expect(400);
  });
});
