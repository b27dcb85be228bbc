import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionsStore } from '../src/auth/sessions.store.js';
import { concurrently } from './concurrently.js';
import { figure } from './figures.js';
import { PATIENCE_MS, size } from './scale.js';
import { signIn, type TokenPair } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';
import { send } from './verify-site.js';

const REUSES = size({ full: 1000, short: 20 });
const ROUNDS = size({ full: 100, short: 10 });
const AT_ONCE = 20;
/** Rounds on a broken server: it must not pass one of them. */
const CONTROLS = 5;

/** Two servers on one database, as two processes are. */
let server: TestApp;
let beside: TestApp;

beforeAll(async () => {
  server = await startTestApp();
  beside = await startTestApp({}, server);
});
afterAll(async () => {
  await beside.close();
  await server.close();
});

const refresh = async (refresh_token: string, at = server): Promise<TokenPair | null> => {
  const { status, json } = await send(at, null, 'POST', '/api/v1/auth/refresh', { refresh_token });
  if (status !== 200 && status !== 401) throw new Error(`a refresh was answered with ${String(status)}`);
  return status === 200 ? (json as unknown as TokenPair) : null;
};
const isIn = async ({ access_token }: TokenPair): Promise<boolean> =>
  (await send(server, access_token, 'GET', '/api/v1/auth/me')).status === 200;

/** What is wrong after an old token came again, one of several that the session has had. */
async function reuse(): Promise<string[]> {
  const pairs = [await signIn(server)];
  const length = randomInt(1, 4);
  while (pairs.length <= length) {
    const next = await refresh(pairs.at(-1)?.refresh_token ?? '');
    if (next === null) throw new Error('a fresh token was refused');
    pairs.push(next);
  }
  const latest = pairs.at(-1) as TokenPair;
  const old = pairs[randomInt(length)] as TokenPair;
  const faults: string[] = [];
  if ((await refresh(old.refresh_token, randomInt(2) === 0 ? server : beside)) !== null) faults.push('reuse was taken');
  for (const pair of pairs) if (await isIn(pair)) faults.push('an access token lives');
  if ((await refresh(latest.refresh_token)) !== null) faults.push('the latest refresh token lives');
  return faults;
}

/** How many branches of a session live after its token came 20 times at once, on both servers. */
async function race(): Promise<{ inDatabase: number; usable: number; granted: number }> {
  const { refresh_token, user } = await signIn(server);
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, at) => refresh(refresh_token, at % 2 === 0 ? server : beside)),
  );
  const granted = answers.filter((pair) => pair !== null);
  const { rows } = await server.sql.query<{ n: number }>(
    `select count(*)::integer as n from refresh_tokens t join sessions s on s.id = t.session_id
     where s.user_id = $1 and s.revoked_at is null and s.expires_at > now() and t.used_at is null and t.expires_at > now()`,
    [user.id],
  );
  // Each is tried once, so none is a second use of another.
  let usable = 0;
  for (const pair of granted) if ((await refresh(pair.refresh_token)) !== null) usable += 1;
  return { inDatabase: rows[0]?.n ?? 0, usable, granted: granted.length };
}

/** Runs with a store that gives the next token and never uses up the one that came. */
async function forgetful<T>(work: () => Promise<T>): Promise<T> {
  const servers = [server, beside].map(({ app, database }) => ({ store: app.get(SessionsStore), database }));
  for (const { store, database } of servers) {
    store.rotate = (hash, next) =>
      database.one(
        `with known as (
           select s.id, s.user_id, s.organization_id, s.expires_at from refresh_tokens t
           join sessions s on s.id = t.session_id where t.token_hash = $1 and s.revoked_at is null),
         added as (
           insert into refresh_tokens (id, session_id, token_hash, expires_at) select $2, id, $3, expires_at from known)
         select id, user_id, organization_id, 3600 as expires_in from known`,
        [hash, next.id, next.token_hash],
      );
  }
  return work().finally(() => servers.forEach(({ store }) => Reflect.deleteProperty(store, 'rotate')));
}

describe('a refresh token that comes a second time', () => {
  it(
    'ends its session, with every token it has had',
    async () => {
      const faults = await concurrently('refresh reuse', { total: REUSES, atOnce: 10 }, reuse);
      figure(
        13,
        'sessions ended by a reused refresh token',
        faults.filter((found) => found.length === 0).length,
        'of',
        REUSES,
      );
      expect(faults.flat()).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'never leaves two live branches, when it comes 20 times at once',
    async () => {
      const rounds = await concurrently('concurrent refreshes', { total: ROUNDS, atOnce: 2 }, race);
      const most = Math.max(...rounds.map(({ inDatabase, usable }) => Math.max(inDatabase, usable)));
      figure(
        13,
        `most live branches after ${String(AT_ONCE)} refreshes at once`,
        most,
        'in',
        ROUNDS,
        'rounds on 2 servers',
      );
      expect(most).toBeLessThanOrEqual(1);
      expect(rounds.filter(({ granted }) => granted > 1)).toEqual([]);
    },
    PATIENCE_MS,
  );
});

describe('a store that does not use up the token', () => {
  it('is caught by the reuse', async () => {
    const faults = await forgetful(() => concurrently('control', { total: CONTROLS, atOnce: 1 }, reuse));
    figure(
      13,
      'control: reuses that were taken by a store that forgets',
      faults.filter((found) => found.includes('reuse was taken')).length,
      'of',
      CONTROLS,
    );
    for (const found of faults) expect(found).toContain('reuse was taken');
  });

  it('is caught by the race', async () => {
    const rounds = await forgetful(() => concurrently('control', { total: CONTROLS, atOnce: 1 }, race));
    const most = Math.max(...rounds.map(({ inDatabase }) => inDatabase));
    figure(13, 'control: most live branches with a store that forgets', most);
    expect(rounds.map(({ usable }) => usable)).toEqual(rounds.map(() => AT_ONCE));
    expect(most).toBeGreaterThan(AT_ONCE);
  });
});
