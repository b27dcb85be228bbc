import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { becomes, caller, leaves, newOrganization, organizationOf, ownerOfNew, type Member } from './memberships.js';
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

const refresh = (refresh_token: string, on = server) => on.request.post('/api/v1/auth/refresh').send({ refresh_token });
const switchTo = (organization_id: unknown, token: string, on = server) =>
  caller(on, token).post('auth/switch-organization', { organization_id });
const me = (token: string, on = server) => caller(on, token).get('auth/me');

const liveBranches = async (user: { id: string }): Promise<number> => {
  const { rows } = await server.sql.query<{ n: string }>(
    `select count(*) as n from sessions s join refresh_tokens r on r.session_id = s.id
     where s.user_id = $1 and s.revoked_at is null and r.used_at is null`,
    [user.id],
  );
  return Number(rows[0]?.n);
};

/** A person with a personal organization who is a viewer in another one. */
async function inTwo(): Promise<Member & { second: string }> {
  const ada = await ownerOfNew(server);
  const second = await newOrganization(server, 'second');
  await becomes(server, ada.user, 'viewer', second);
  return { ...ada, second };
}

it('continues the session in the other organization, with the role there', async () => {
  const ada = await inTwo();
  const answer = await switchTo(ada.second.toUpperCase(), ada.token).expect(200);
  expect(answer.headers['cache-control']).toBe('no-store');
  const pair = answer.body as TokenPair;
  expect(pair).toEqual({
    access_token: expect.stringMatching(/^eyJ/),
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_token: expect.stringMatching(/^myr_/),
    refresh_expires_in: 604_800,
    user: ada.user,
  });
  const { body } = await me(pair.access_token, other).expect(200);
  expect(body).toMatchObject({ organization: { id: ada.second, name: 'second' }, role: 'viewer' });
  const refreshed = (await refresh(pair.refresh_token, other).expect(200)).body as TokenPair;
  expect(await organizationOf(server, refreshed.access_token)).toBe(ada.second);
  expect(await codeOf(caller(server, refreshed.access_token).post('tasks', { name: 'x' }))).toBe('403 auth/forbidden');
  const { rows } = await server.sql.query('select id from sessions where user_id = $1', [ada.user.id]);
  expect(rows).toHaveLength(1);
});

it('refuses access tokens of the organization before, on every process', async () => {
  const ada = await inTwo();
  const pair = (await switchTo(ada.second, ada.token).expect(200)).body as TokenPair;
  for (const on of [server, other]) expect(await codeOf(me(ada.token, on))).toBe('401 auth/invalid-token');
  await me(pair.access_token).expect(200);
});

it('takes the refresh token of before for a copy, and ends the session', async () => {
  const ada = await inTwo();
  const pair = (await switchTo(ada.second, ada.token).expect(200)).body as TokenPair;
  expect(await codeOf(refresh(ada.refresh_token, other))).toBe('401 auth/session-ended');
  expect(await codeOf(me(pair.access_token))).toBe('401 auth/session-ended');
  expect(await codeOf(refresh(pair.refresh_token))).toBe('401 auth/session-ended');
});

it('stays within the lifetime of the session', async () => {
  const ada = await inTwo();
  await server.sql.query(`update sessions set ends_at = now() + interval '20 s' where user_id = $1`, [ada.user.id]);
  const { refresh_expires_in } = (await switchTo(ada.second, ada.token).expect(200)).body as TokenPair;
  expect(refresh_expires_in).toBeLessThanOrEqual(20);
  expect(refresh_expires_in).toBeGreaterThan(10);
});

it('is refused where the person is no member, exactly as where there is nothing, and changes nothing', async () => {
  const ada = await inTwo();
  const stranger = await ownerOfNew(server);
  await leaves(server, ada.user, ada.second);
  const refusals = [];
  for (const id of [stranger.organization_id, ada.second, newId()]) {
    const { body } = await switchTo(id, ada.token).expect(403);
    expect(body).toMatchObject({ code: 'auth/not-a-member' });
    refusals.push(JSON.stringify({ ...(body as object), request_id: '' }));
  }
  expect(new Set(refusals).size).toBe(1);
  for (const id of [undefined, null, 7, '', 'second', [ada.organization_id], {}])
    expect(await codeOf(switchTo(id, ada.token))).toBe('400 request/invalid');
  await me(ada.token).expect(200);
  await refresh(ada.refresh_token).expect(200);
});

it('is written down in the log of the organization that was switched to', async () => {
  const ada = await inTwo();
  await switchTo(ada.second, ada.token).expect(200);
  const { rows } = await server.sql.query(
    `select actor ->> 'login' as login, subject from audit_entries
     where organization_id = $1 and action = 'auth.organization_switched'`,
    [ada.second],
  );
  expect(rows).toEqual([
    {
      login: ada.user.login,
      subject: { user_id: ada.user.id, session_id: expect.any(String), organization_id: ada.second },
    },
  ]);
});

it('never leaves two live branches, however it meets refreshes', async () => {
  const outcomes = new Map<string, number>();
  const ada = await inTwo();
  for (let round = 0; round < 50; round++) {
    await server.sql.query('delete from sessions where user_id = $1', [ada.user.id]);
    const early = await signIn(server, Number(ada.user.github_id));
    const [switched, refreshed, again] = await Promise.all([
      switchTo(ada.second, early.access_token, other),
      refresh(early.refresh_token, round % 2 ? server : other),
      round % 5 === 0 ? switchTo(ada.organization_id, early.access_token) : null,
    ]);
    const answers = [switched, refreshed, again].map((answer) => answer?.status);
    expect(answers.filter((status) => status !== undefined && ![200, 401].includes(status))).toEqual([]);
    expect(await liveBranches(ada.user)).toBeLessThanOrEqual(1);
    // Whoever sends the token that was left behind ends what there is.
    if (switched.status === 200 && refreshed.status === 200) {
      const left = [switched, refreshed].map(({ body }) => (body as TokenPair).refresh_token);
      const used = [(await refresh(left[0]!)).status, (await refresh(left[1]!)).status];
      expect(used.filter((status) => status === 200).length).toBeLessThanOrEqual(1);
      expect(await liveBranches(ada.user)).toBe(0);
    }
    const outcome = `switch ${String(switched.status)}, refresh ${String(refreshed.status)}`;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  process.stdout.write(`switch against refresh, 50 rounds: ${JSON.stringify(Object.fromEntries(outcomes))}\n`);
});

it('leaves one of ten switches at once', async () => {
  const ada = await inTwo();
  const targets = Array.from({ length: 10 }, (_, at) => (at % 2 ? ada.second : ada.organization_id));
  const answers = await Promise.all(targets.map((id, at) => switchTo(id, ada.token, at % 3 ? server : other)));
  expect(answers.filter(({ status }) => ![200, 401].includes(status))).toEqual([]);
  expect(await liveBranches(ada.user)).toBe(1);
});
