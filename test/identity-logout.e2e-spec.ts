import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { UserPrincipal } from '../src/auth/principal.js';
import { SessionsService } from '../src/auth/sessions.service.js';
import { concurrently } from './concurrently.js';
import { figure } from './figures.js';
import { PATIENCE_MS, size } from './scale.js';
import { ServerProcess } from './server-process.js';
import { signIn, type TokenPair } from './sign-in.js';
import { startTestApp, testEnvironment, type TestApp } from './test-app.js';
import { send } from './verify-site.js';

const TOKENS = size({ full: 1000, short: 20 });
const AT_ONCE = 4;
const CONTROLS = 10;
const JWT_SECRET = randomBytes(32).toString('base64');

let here: TestApp;
/** The built server in a process of its own, on the same database. */
let other: ServerProcess;
let there: Pick<TestApp, 'url'>;

beforeAll(async () => {
  here = await startTestApp({ JWT_SECRET });
  other = new ServerProcess(testEnvironment(here.databaseUrl, { JWT_SECRET }));
  there = { url: await other.url() };
});
afterAll(async () => {
  await other.kill();
  await here.close();
});

const isIn = async (at: Pick<TestApp, 'url'>, { access_token }: TokenPair): Promise<boolean> => {
  const { status } = await send(at, access_token, 'GET', '/api/v1/auth/me');
  if (status !== 200 && status !== 401) throw new Error(`a token was answered with ${String(status)}`);
  return status === 200;
};

/** A logout here and the next request elsewhere: what was wrong with it, and how long the refusal took to come. */
async function logout(round: number, elsewhere: Pick<TestApp, 'url'>): Promise<{ faults: string[]; ms: number }> {
  const everywhere = round % 2 === 0;
  const github_id = 700_000 + round;
  const [one, second] = [await signIn(here, github_id), await signIn(here, github_id)];
  const ended = everywhere ? [one, second] : [one];
  const faults: string[] = [];
  for (const pair of [one, second]) if (!(await isIn(elsewhere, pair))) faults.push('refused before the logout');
  const { status } = await send(here, one.access_token, 'POST', '/api/v1/auth/logout', { everywhere });
  const answered = performance.now();
  if (status !== 204) faults.push(`the logout was answered with ${String(status)}`);
  if (await isIn(elsewhere, one)) faults.push('the access token lives');
  const ms = performance.now() - answered;
  for (const pair of ended) {
    if (await isIn(elsewhere, pair)) faults.push('an access token lives');
    const { refresh_token } = pair;
    const again = await send(elsewhere, null, 'POST', '/api/v1/auth/refresh', { refresh_token });
    if (again.status !== 401) faults.push('a refresh token lives');
  }
  if (!everywhere && !(await isIn(elsewhere, second))) faults.push('another session was ended as well');
  return { faults, ms };
}

it(
  'a logout in one process holds in another with the next request',
  async () => {
    const rounds = await concurrently('logout', { total: TOKENS, atOnce: AT_ONCE }, (round) => logout(round, there));
    const refused = rounds.filter(({ faults }) => faults.length === 0).length;
    figure(14, 'tokens refused by another process right after the logout', refused, 'of', TOKENS);
    figure(14, 'longest from the logout to the refusal', `${Math.max(...rounds.map(({ ms }) => ms)).toFixed(1)} ms`);
    expect(rounds.flatMap(({ faults }) => faults)).toEqual([]);
  },
  PATIENCE_MS,
);

describe('a process that remembers who is signed in', () => {
  it('is caught', async () => {
    const forgetsLate = await startTestApp({ JWT_SECRET }, here);
    try {
      const sessions = forgetsLate.app.get(SessionsService);
      const identify = sessions.identify.bind(sessions);
      const known = new Map<string, UserPrincipal>();
      sessions.identify = async (claims) => {
        const principal = known.get(claims.jti) ?? (await identify(claims));
        known.set(claims.jti, principal);
        return principal;
      };
      const rounds = await concurrently('control', { total: CONTROLS, atOnce: AT_ONCE }, (round) =>
        logout(100_000 + round, forgetsLate),
      );
      const caught = rounds.filter(({ faults }) => faults.includes('the access token lives')).length;
      figure(14, 'control: logouts that a process with a cache did not see', caught, 'of', CONTROLS);
      expect(caught).toBe(CONTROLS);
    } finally {
      await forgetsLate.close();
    }
  });
});
