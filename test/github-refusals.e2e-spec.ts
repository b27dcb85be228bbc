import { randomBytes } from 'node:crypto';
import { Browser, locationOf } from './browser.js';
import { breaksOff, drips, floods, reset, silent } from './github-faults.js';
import { GithubStandIn, json, sendText, type Endpoint, type Fault } from './github-stand-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const FRONTEND = 'https://console.example.org';
const TIMEOUT_SECONDS = 0.4;

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
    GITHUB_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
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

const on =
  (endpoint: Endpoint, fault: Fault) =>
  (browser: Browser): Promise<string> => {
    github.faults[endpoint] = fault;
    return browser.leave('/tasks');
  };
const text = (endpoint: Endpoint, answer: string, status?: number) =>
  on(endpoint, (response) => sendText(response, answer, status));
const user = (fields: string) => text('user', `{${fields}}`);
const token = (fields: object) =>
  on('token', (r) => json(r, { access_token: 'gho_x', token_type: 'bearer', ...fields }));

const HTML = '<!doctype html><html><body>Unicorn!</body></html>';
const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

const callback = (query: string): string => `/api/v1/auth/github/callback?${query}`;
/** The path back from GitHub with another parameter in place of its own. */
const changed = (path: string, change: (query: URLSearchParams) => void): string => {
  const url = new URL(path, FRONTEND);
  change(url.searchParams);
  return callback(url.searchParams.toString());
};
const instead = (change: (query: URLSearchParams) => void) => async (browser: Browser) =>
  changed(await browser.leave('/tasks'), change);
const cookieBecomes = (change: (value: string) => string) => async (browser: Browser) => {
  const path = await browser.leave('/tasks');
  const cookie = browser.cookies.get('miyabi_sign_in')!;
  browser.cookies.set('miyabi_sign_in', { ...cookie, value: change(cookie.value) });
  return path;
};

/** What comes back from GitHub, and what has to come of it. */
const VARIANTS: [name: string, expected: string, arrive: (browser: Browser) => Promise<string>][] = [
  ['no state', '400 auth/wrong-state', instead((q) => q.delete('state'))],
  ['an empty state', '400 auth/wrong-state', instead((q) => q.set('state', ''))],
  ['a state too short', '400 auth/wrong-state', instead((q) => q.set('state', q.get('state')!.slice(1)))],
  ['a state nobody has given', '400 auth/wrong-state', instead((q) => q.set('state', 'A'.repeat(43)))],
  ['two states', '400 auth/wrong-state', instead((q) => q.append('state', q.get('state')!))],
  ['a redirect target as state', '400 auth/wrong-state', instead((q) => q.set('state', 'https://evil.example'))],
  ['an error without a state', '400 auth/wrong-state', async () => callback('error=access_denied')],
  ['nothing at all', '400 auth/wrong-state', async () => callback('')],
  [
    'a state that has expired',
    '400 auth/wrong-state',
    async (browser) => {
      const path = await browser.leave('/tasks');
      await server.sql.query('update oauth_states set expires_at = now()');
      return path;
    },
  ],
  [
    'a state used by a sign-in that was denied',
    '400 auth/wrong-state',
    async (browser) => {
      const path = await browser.leave('/tasks');
      await browser.get(changed(path, (q) => q.set('error', 'access_denied')));
      return path;
    },
  ],
  [
    'the state of another browser',
    '400 auth/wrong-state',
    async (browser) => {
      await browser.leave('/tasks');
      return new Browser(server.url).leave('/tasks');
    },
  ],
  ['no cookie', '400 auth/wrong-state', async () => new Browser(server.url).leave('/tasks')],
  ['a cookie without its signature', '400 auth/wrong-state', cookieBecomes((v) => decodeURIComponent(v).slice(2, 45))],
  ['a cookie signed by somebody', '400 auth/wrong-state', cookieBecomes((v) => `${v.slice(0, -3)}abc`)],
  [
    'a cookie of another value',
    '400 auth/wrong-state',
    cookieBecomes((v) => v.replace(/^s%3A./, (a) => (a.endsWith('_') ? 's%3AA' : 's%3A_'))),
  ],
  ['a cookie of JSON', '400 auth/wrong-state', cookieBecomes(() => 'j%3A%7B%22a%22%3A1%7D')],

  ['access denied', 'access_denied', instead((q) => q.set('error', 'access_denied'))],
  ['an error of GitHub', 'github_refused', instead((q) => q.set('error', 'redirect_uri_mismatch'))],
  ['an error and markup', 'github_refused', instead((q) => q.set('error', '"><script>alert(1)</script>'))],
  ['two errors', 'github_refused', instead((q) => ['a', 'b'].forEach((e) => q.append('error', e)))],
  ['no code', 'github_malformed', instead((q) => q.delete('code'))],
  ['an empty code', 'github_malformed', instead((q) => q.set('code', ''))],
  ['two codes', 'github_malformed', instead((q) => q.append('code', 'b'))],
  ['a code with a line end', 'github_malformed', instead((q) => q.set('code', 'a\r\nb'))],
  ['a code without an end', 'github_malformed', instead((q) => q.set('code', 'a'.repeat(5000)))],
  ['a wrong code', 'github_refused', instead((q) => q.set('code', 'nobody-has-given-this'))],
  [
    // What PKCE is for: the state and the cookie are the victim's own.
    'the code of another browser',
    'github_refused',
    async (browser) => {
      const stolen = new URL(await new Browser(server.url).leave('/tasks'), FRONTEND).searchParams.get('code')!;
      return changed(await browser.leave('/tasks'), (q) => q.set('code', stolen));
    },
  ],

  ['a refused exchange', 'github_refused', text('token', '{"error":"bad_verification_code"}')],
  ['a refusal and a token', 'github_refused', token({ error: 'no' })],
  ['an exchange of 401', 'github_refused', text('token', '{}', 401)],
  ['an exchange of 404', 'github_refused', text('token', HTML, 404)],
  ['an exchange of 500', 'github_unavailable', text('token', HTML, 500)],
  ['an exchange of 503', 'github_unavailable', text('token', '{"access_token":"gho_x","token_type":"bearer"}', 503)],
  ['an exchange of 201', 'github_malformed', text('token', '{"access_token":"gho_x","token_type":"bearer"}', 201)],
  ['an exchange that leads on', 'github_malformed', on('token', (r) => r.writeHead(302, { location: '/' }).end())],
  ['an empty exchange', 'github_malformed', text('token', '')],
  ['an exchange of HTML', 'github_malformed', text('token', HTML)],
  ['an exchange of a form', 'github_malformed', text('token', 'access_token=gho_x&token_type=bearer')],
  ['an exchange of null', 'github_malformed', text('token', 'null')],
  ['an exchange of a list', 'github_malformed', text('token', '[]')],
  ['an exchange of a number', 'github_malformed', text('token', '7')],
  ['an exchange too deep', 'github_malformed', text('token', DEEP)],
  ['an exchange too large', 'github_malformed', text('token', `"${'x'.repeat(1024 * 1024)}"`)],
  ['an exchange without an end', 'github_malformed', on('token', floods)],
  ['no access token', 'github_malformed', token({ access_token: undefined })],
  ['an access token of null', 'github_malformed', token({ access_token: null })],
  ['an access token of another type', 'github_malformed', token({ access_token: { a: 1 } })],
  ['an empty access token', 'github_malformed', token({ access_token: '' })],
  ['an access token with a line end', 'github_malformed', token({ access_token: 'a\r\nX: y' })],
  ['an access token too long', 'github_malformed', token({ access_token: 'a'.repeat(2000) })],
  ['a token for another scheme', 'github_malformed', token({ token_type: 'mac' })],
  ['scopes of another type', 'github_malformed', token({ scope: ['user'] })],
  ['a token that GitHub does not know', 'github_refused', token({})],
  ['an exchange cut off', 'github_unavailable', on('token', reset)],
  ['an exchange that breaks off', 'github_unavailable', on('token', breaksOff)],
  ['an exchange never answered', 'github_unavailable', on('token', silent)],
  ['an exchange that drips', 'github_unavailable', on('token', drips)],

  ['a person of 403', 'github_refused', text('user', '{"message":"rate limit"}', 403)],
  ['a person of 502', 'github_unavailable', text('user', HTML, 502)],
  ['a person of HTML', 'github_malformed', text('user', HTML)],
  ['a person of null', 'github_malformed', text('user', 'null')],
  ['a person of a list', 'github_malformed', text('user', '[{"id":1,"login":"a"}]')],
  ['a person cut short', 'github_malformed', text('user', '{"id":1,"login":"a')],
  ['a person without an end', 'github_malformed', on('user', floods)],
  ['a person that drips', 'github_unavailable', on('user', drips)],
  ['a person cut off', 'github_unavailable', on('user', reset)],
  ['a person without an id', 'github_malformed', user('"login":"a"')],
  ['two ids', 'github_malformed', user('"id":1,"id":2,"login":"a"')],
  ['an inherited id', 'github_malformed', user('"__proto__":{"id":1},"login":"a"')],
  ...['"1"', 'null', '0', '-1', '1.5', '1e3', '9223372036854775808', '[1]', '{"value":"1"}'].map(
    (id): (typeof VARIANTS)[number] => [`the id ${id}`, 'github_malformed', user(`"id":${id},"login":"a"`)],
  ),
  ...['null', '7', '""', '"a/b"', '"-a"', '"a b"', '"a\\u0000"', `"${'a'.repeat(101)}"`].map(
    (login): (typeof VARIANTS)[number] => [`the login ${login}`, 'github_malformed', user(`"id":1,"login":${login}`)],
  ),
  ['a name of another type', 'github_malformed', user('"id":1,"login":"a","name":{}')],
  ['a picture of another type', 'github_malformed', user('"id":1,"login":"a","avatar_url":1')],

  ['addresses of null', 'github_malformed', text('emails', 'null')],
  ['addresses in an object', 'github_malformed', text('emails', '{"email":"a@example.org"}')],
  ['an address of null', 'github_malformed', text('emails', '[null]')],
  ['addresses of 500', 'github_unavailable', text('emails', '[]', 500)],
  ['addresses that drip', 'github_unavailable', on('emails', drips)],
];

describe('a sign-in that must come to nothing', () => {
  it('has well over 40 variants', () => {
    expect(new Set(VARIANTS.map(([name]) => name)).size).toBeGreaterThan(80);
  });

  it.each(VARIANTS)('because of %s is answered with %s', async (_name, expected, arrive) => {
    const browser = new Browser(server.url);
    const before = await lettingIn();
    const path = await arrive(browser);
    const began = performance.now();
    const answer = await browser.get(path);
    expect(performance.now() - began).toBeLessThan(TIMEOUT_SECONDS * 1000 + 2000);
    expect(await outcomeOf(answer)).toBe(expected);
    expect(browser.cookie('miyabi_refresh')).toBeNull();
    expect(await lettingIn()).toEqual(before);
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
