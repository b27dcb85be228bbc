import { randomBytes } from 'node:crypto';
import { hashOfSecret } from '../src/auth/keys.js';
import { OauthStatesService } from '../src/sign-in/oauth-states.service.js';
import { OauthStatesStore } from '../src/sign-in/oauth-states.store.js';
import { Browser, locationOf } from './browser.js';
import { figure } from './figures.js';
import { GithubStandIn } from './github-stand-in.js';
import { callback, FRONTEND, githubVariants } from './github-variants.js';
import { startTestApp, type TestApp } from './test-app.js';

const github = new GithubStandIn();
let server: TestApp;
/** Another process of the same system, whose GitHub is not there. */
let cutOff: TestApp;

beforeAll(async () => {
  await github.start();
  const environment = {
    ...github.environment,
    JWT_SECRET: randomBytes(32).toString('hex'),
    PUBLIC_URL: 'https://miyabi.example.org',
    FRONTEND_URL: FRONTEND,
    GITHUB_TIMEOUT_SECONDS: '0.4',
  };
  server = await startTestApp(environment);
  const nowhere = { GITHUB_TOKEN_URL: 'http://127.0.0.1:9/token', GITHUB_API_URL: 'http://127.0.0.1:9/api' };
  cutOff = await startTestApp({ ...environment, ...nowhere, SIGN_IN_LIMIT_PER_ADDRESS: '2' }, server);
});
afterAll(async () => {
  await cutOff.close();
  await server.close();
  await github.stop();
});
beforeEach(() => github.heal());

const VARIANTS = githubVariants(github, () => server);
let nobodyLetIn = 0;
afterAll(() =>
  figure(12, 'sign-ins through GitHub with something wrong, that let nobody in', nobodyLetIn, 'of', VARIANTS.length),
);

/** How often anybody has been let in, in any way. */
async function lettingIn(): Promise<unknown> {
  const { rows } = await server.sql.query(
    `select (select count(*) from sessions) as sessions, (select count(*) from users) as users,
       (select count(*) from github_tokens) as tokens, (select count(*) from refresh_tokens) as refresh_tokens`,
  );
  return rows[0];
}

/** Status and code of a problem, or the error that a redirect to the frontend carries. */
async function outcomeOf(answer: Response): Promise<string> {
  if (answer.status !== 302) return `${String(answer.status)} ${((await answer.json()) as { code: string }).code}`;
  const location = new URL(locationOf(answer));
  expect([location.origin, location.pathname]).toEqual([FRONTEND, '/tasks']);
  return location.searchParams.get('error') ?? 'signed in';
}

describe('a sign-in that must come to nothing', () => {
  it('has well over 40 variants', () => {
    expect(new Set(VARIANTS.map(([name]) => name)).size).toBeGreaterThan(80);
  });

  it.each(VARIANTS)('because of %s is answered with %s', async (_name, expected, arrive) => {
    const browser = new Browser(server.url);
    const before = await lettingIn();
    const path = await arrive(browser);
    // Some of them never come to an end by themselves: an answer shows that the sign-in has one.
    expect(await outcomeOf(await browser.get(path))).toBe(expected);
    expect(browser.cookie('miyabi_refresh')).toBeNull();
    expect(await lettingIn()).toEqual(before);
    nobodyLetIn += 1;
  });

  it('because GitHub is not there is answered with github_unavailable, and not for ever', async () => {
    const browser = new Browser(cutOff.url);
    expect(await outcomeOf(await browser.signIn('/tasks'))).toBe('github_unavailable');
    expect(browser.cookie('miyabi_refresh')).toBeNull();
    for (const path of ['/api/v1/auth/github', callback('code=a&state=b')])
      expect(await outcomeOf(await browser.get(path))).toBe('429 auth/too-many-attempts');
  });

  it('because it was repeated leaves the first one as it is, also when both come at once', async () => {
    const browser = new Browser(server.url);
    const path = await browser.leave('/tasks');
    const outcomes = await Promise.all(Array.from({ length: 5 }, async () => outcomeOf(await browser.get(path))));
    expect(outcomes.sort()).toEqual([...Array.from({ length: 4 }, () => '400 auth/wrong-state'), 'signed in']);
    expect(await outcomeOf(await browser.get(path))).toBe('400 auth/wrong-state');
    const { rows } = await server.sql.query(`select count(*)::int as n from sessions`);
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('is in the audit log with its cause, and without anything that GitHub has sent', async () => {
    const { rows } = await server.sql.query<{ cause: string }>(
      `select distinct data->>'cause' as cause from audit_entries where action = 'auth.sign_in_failed' order by 1`,
    );
    expect(rows.map(({ cause }) => cause)).toEqual([
      'access_denied',
      'github_malformed',
      'github_refused',
      'github_unavailable',
    ]);
    const { rows: entries } = await server.sql.query(
      `select * from audit_entries where data::text || actor::text ~ 'gho_|script|Unicorn' or organization_id is not null
         and action = 'auth.sign_in_failed'`,
    );
    expect(entries).toEqual([]);
  });
});

describe('the same variants, on a server that only looks whether there is such a state', () => {
  it('are found to let people in', async () => {
    const store = server.app.get(OauthStatesStore);
    const states = server.app.get(OauthStatesService);
    const arrive = states.arrive.bind(states);
    let browser_hash: Buffer = Buffer.alloc(32);
    const take = store.take.bind(store);
    store.take = async (hash) => {
      const taken = await take(hash);
      return taken && { ...taken, alive: true, browser_hash };
    };
    states.arrive = (state, browser) => {
      browser_hash = hashOfSecret(browser ?? '');
      return arrive(state, browser ?? '');
    };
    const letIn: string[] = [];
    try {
      for (const [name, , come] of VARIANTS.filter(([, expected]) => expected === '400 auth/wrong-state')) {
        const browser = new Browser(server.url);
        if ((await outcomeOf(await browser.get(await come(browser)))) === 'signed in') letIn.push(name);
      }
    } finally {
      Reflect.deleteProperty(store, 'take');
      Reflect.deleteProperty(states, 'arrive');
    }
    figure(12, 'control: let in where a state is bound to nobody', letIn.length, 'variants');
    expect(letIn).toEqual(
      expect.arrayContaining(['a state that has expired', 'the state of another browser', 'no cookie']),
    );
  });
});

describe('a place to go to', () => {
  it.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/%2f/evil.example',
    '/%5cevil.example',
    '/.//evil.example',
    'javascript:alert(1)',
    'tasks',
    '',
    '/a\r\nSet-Cookie: a=b',
  ])('that is not an own path is a 400 before anybody leaves: %j', async (redirect) => {
    const left = 'select count(*) as n from oauth_states';
    const before = (await server.sql.query(left)).rows;
    const answer = await new Browser(server.url).get(`/api/v1/auth/github?redirect=${encodeURIComponent(redirect)}`);
    expect([await outcomeOf(answer), answer.headers.getSetCookie()]).toEqual(['400 request/invalid', []]);
    expect((await server.sql.query(left)).rows).toEqual(before);
  });

  it('that is given twice, or has company, is a 400', async () => {
    const browser = new Browser(server.url);
    for (const query of ['redirect=/a&redirect=/b', 'redirect=/a&state=mine', 'callbackURL=https://evil.example'])
      expect(await outcomeOf(await browser.get(`/api/v1/auth/github?${query}`))).toBe('400 request/invalid');
  });
});
