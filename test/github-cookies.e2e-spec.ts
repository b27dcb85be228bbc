import { randomBytes } from 'node:crypto';
import { Browser, locationOf } from './browser.js';
import { GithubStandIn } from './github-stand-in.js';
import { PRODUCTION } from './production.js';
import { signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const PUBLIC = PRODUCTION['PUBLIC_URL']!;
const FRONTEND = 'https://console.example.org';

const JWT_SECRET = randomBytes(32).toString('hex');

interface Document {
  paths: Record<string, Record<string, { operationId: string }>>;
  components: { schemas: Record<string, unknown> };
}

const github = new GithubStandIn();
let server: TestApp;

beforeAll(async () => {
  await github.start();
  server = await startTestApp({
    ...PRODUCTION,
    JWT_SECRET,
    ...github.environment,
    FRONTEND_URL: `${FRONTEND}/app`,
    CORS_ORIGINS: 'https://other.example.org',
  });
});
afterAll(async () => {
  await server.close();
  await github.stop();
});

/** The one person of an instance in production, in a browser of their own. */
const signedIn = async (): Promise<Browser> => {
  const browser = new Browser(server.url);
  await browser.signIn();
  expect(browser.cookie('miyabi_refresh')).toMatch(/^myr_/);
  return browser;
};

const problemOf = async (answer: Response): Promise<string> =>
  `${String(answer.status)} ${((await answer.json()) as { code: string }).code}`;

const refresh = (browser: Browser, origin: string | null = FRONTEND, body?: object) =>
  browser.post('/api/v1/auth/refresh', body, origin === null ? {} : { origin });

const authorizationOf = async (browser: Browser) => {
  const { access_token } = (await (await refresh(browser)).json()) as { access_token: string };
  return { authorization: `Bearer ${access_token}` };
};

const lastEntry = async (action: string): Promise<unknown> =>
  (await server.sql.query('select * from audit_entries where action = $1 order by id desc limit 1', [action])).rows[0];

describe('the cookie of a browser', () => {
  it.each([FRONTEND, PUBLIC, 'https://other.example.org'])('continues the session for pages of %s', async (origin) => {
    const browser = await signedIn();
    const first = browser.cookie('miyabi_refresh');
    const answer = await refresh(browser, origin);
    expect(await answer.json()).toMatchObject({ access_token: expect.stringMatching(/^eyJ/), refresh_token: null });
    expect(browser.cookie('miyabi_refresh')).toMatch(/^myr_/);
    expect(browser.cookie('miyabi_refresh')).not.toBe(first);
    expect((await refresh(browser)).status).toBe(200);
  });

  it.each([
    null,
    'null',
    'https://evil.example',
    FRONTEND.replace('https', 'http'),
    `${PUBLIC}.evil.example`,
    `${PUBLIC}/`,
  ])('is of no use to pages of %s, and stays as it is', async (origin) => {
    const browser = await signedIn();
    const before = browser.cookie('miyabi_refresh');
    const answer = await refresh(browser, origin);
    expect([await problemOf(answer), answer.headers.getSetCookie()]).toEqual(['403 auth/foreign-origin', []]);
    expect(browser.cookie('miyabi_refresh')).toBe(before);
    expect((await refresh(browser)).status).toBe(200);
  });

  it('gives way to a token in the body, for which no origin counts', async () => {
    const [browser, other] = [await signedIn(), await signedIn()];
    const cookie = browser.cookie('miyabi_refresh');
    const answer = await refresh(browser, null, { refresh_token: other.cookie('miyabi_refresh') });
    expect(await answer.json()).toMatchObject({ refresh_token: expect.stringMatching(/^myr_/) });
    expect(browser.cookie('miyabi_refresh')).toBe(cookie);
    expect((await refresh(browser)).status).toBe(200);
  });

  it('goes when it does not work; one that comes twice ends the session, which the audit log tells', async () => {
    const browser = await signedIn();
    const copy = new Browser(server.url);
    browser.cookies.forEach((cookie, name) => copy.cookies.set(name, cookie));
    const authorization = await authorizationOf(browser);
    expect(await problemOf(await refresh(copy))).toBe('401 auth/session-ended');
    expect(copy.cookie('miyabi_refresh')).toBeNull();
    expect(await problemOf(await browser.get('/api/v1/auth/me', authorization))).toBe('401 auth/session-ended');
    expect(await problemOf(await refresh(copy))).toBe('401 auth/no-token');
    expect(await lastEntry('auth.refresh_reused')).toMatchObject({
      actor: { type: 'user', login: github.person.login },
      subject: { user_id: expect.any(String), session_id: expect.any(String) },
      organization_id: expect.any(String),
    });
  });

  it('goes with a sign-out, which the audit log tells', async () => {
    const browser = await signedIn();
    const authorization = await authorizationOf(browser);
    expect((await browser.post('/api/v1/auth/logout', undefined, authorization)).status).toBe(204);
    expect(browser.cookie('miyabi_refresh')).toBeNull();
    expect(await lastEntry('auth.signed_out')).toMatchObject({
      actor: { login: github.person.login },
      data: { everywhere: false },
    });
  });

  it('goes on with the session in another organization, if it is of that session', async () => {
    const [browser, other] = [await signedIn(), await signedIn()];
    const authorization = await authorizationOf(browser);
    const switchHere = async (from: Browser): Promise<Response> => {
      const me = (await (await browser.get('/api/v1/auth/me', authorization)).json()) as {
        organization: { id: string };
      };
      const body = { organization_id: me.organization.id };
      return from.post('/api/v1/auth/switch-organization', body, authorization);
    };
    const before = browser.cookie('miyabi_refresh');
    const answer = (await (await switchHere(browser)).json()) as { access_token: string };
    expect(answer).toMatchObject({ refresh_token: null });
    expect(browser.cookie('miyabi_refresh')).not.toBe(before);
    expect((await refresh(browser)).status).toBe(200);
    const foreign = other.cookie('miyabi_refresh');
    const own = await (await switchHere(other)).json();
    expect(own).toMatchObject({ refresh_token: expect.stringMatching(/^myr_/) });
    expect(other.cookie('miyabi_refresh')).toBe(foreign);
  });

  it('signs nobody in at other routes', async () => {
    const browser = await signedIn();
    expect(await problemOf(await browser.get('/api/v1/auth/me'))).toBe('401 auth/no-token');
    expect(await problemOf(await browser.post('/api/v1/tasks', { name: 'x' }, { origin: PUBLIC }))).toBe(
      '401 auth/no-token',
    );
  });
});

describe('the documents in production', () => {
  const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

  it('open for the cookie of a browser as often as it likes, which is not used up', async () => {
    const browser = await signedIn();
    const before = browser.cookie('miyabi_refresh');
    for (const path of ['/api/docs', '/api/docs/swagger-ui-init.js', '/api/openapi.json', '/api/openapi.yaml'])
      expect((await browser.get(path, page)).status).toBe(200);
    expect(browser.cookie('miyabi_refresh')).toBe(before);
    expect((await refresh(browser)).status).toBe(200);
  });

  it('send somebody who opens the page without to GitHub, and back to it', async () => {
    const browser = new Browser(server.url);
    const leaving = await browser.get('/api/docs', page);
    expect([leaving.status, locationOf(leaving)]).toEqual([302, '/api/v1/auth/github?redirect=/api/docs']);
    const back = await browser.get(await browser.agree(await browser.get(locationOf(leaving))));
    expect(locationOf(back)).toBe(`${PUBLIC}/api/docs`);
    expect((await browser.get('/api/docs', page)).status).toBe(200);
  });

  it('stay closed for programs, other methods, and cookies that are used up, of ended sessions or made up', async () => {
    const browser = await signedIn();
    const cookie = browser.cookies.get('miyabi_refresh')!;
    const status = async (value: string, method = 'GET') => {
      const headers = { cookie: `miyabi_refresh=${value}` };
      return (await fetch(`${server.url}/api/openapi.json`, { method, headers })).status;
    };
    expect(await status(cookie.value)).toBe(200);
    expect(await status(cookie.value, 'HEAD')).toBe(401);
    expect(await status(cookie.value, 'POST')).toBe(401);
    expect(await status('myr_made-up')).toBe(401);
    expect(await status(`myr_${'A'.repeat(43)}`)).toBe(401);
    const authorization = await authorizationOf(browser);
    expect(await status(cookie.value)).toBe(401);
    const next = browser.cookie('miyabi_refresh')!;
    expect(await status(next)).toBe(200);
    await browser.post('/api/v1/auth/logout', undefined, authorization);
    expect(await status(next)).toBe(401);
    expect(await problemOf(await browser.get('/api/openapi.json'))).toBe('401 auth/no-token');
  });

  it('know nothing of mock login, which is not there', async () => {
    const browser = await signedIn();
    const document = (await (await browser.get('/api/openapi.json')).json()) as Document;
    const names = [
      ...Object.keys(document.paths),
      ...Object.keys(document.components.schemas),
      ...Object.values(document.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId)),
    ];
    expect(names).toEqual(expect.arrayContaining(['/api/v1/auth/refresh', 'Refresh', 'authRefresh']));
    expect(names.filter((name) => /mock/i.test(name))).toEqual([]);
    expect(await problemOf(await browser.post('/api/v1/auth/mock', {}))).toBe('404 auth/mock-login-off');
  });

  it('do not open for what mock login has begun elsewhere over the same database, nor does anything else', async () => {
    const development = await startTestApp({ JWT_SECRET }, server);
    const { access_token, refresh_token } = await signIn(development);
    await development.close();
    const browser = new Browser(server.url);
    const authorization = `Bearer ${access_token}`;
    const ways: Record<string, string>[] = [{ authorization }, { cookie: `miyabi_refresh=${refresh_token}` }];
    for (const headers of ways)
      expect(await problemOf(await browser.get('/api/openapi.json', headers))).toBe('401 auth/session-ended');
    expect(await problemOf(await browser.get('/api/v1/auth/me', { authorization }))).toBe('401 auth/session-ended');
  });
});

describe('a server that browsers see below a path', () => {
  it('sets its cookies there, and sends them there', async () => {
    const below = await startTestApp({ ...PRODUCTION, ...github.environment, PUBLIC_URL: `${PUBLIC}/miyabi/` }, server);
    const call = (path: string, headers: Record<string, string> = {}) =>
      fetch(below.url + path, { redirect: 'manual', headers });
    const leaving = await call('/api/v1/auth/github?redirect=/api/docs');
    const [signInCookie = ''] = leaving.headers.getSetCookie();
    expect(signInCookie).toContain('Path=/miyabi/api/v1/auth/github;');
    const path = (await new Browser(below.url).agree(leaving)).replace('/miyabi', '');
    const back = await call(path, { cookie: signInCookie.split(';')[0]! });
    expect(locationOf(back)).toBe(`${PUBLIC}/miyabi/api/docs`);
    expect(back.headers.getSetCookie()[0]).toMatch(/^miyabi_refresh=.* Path=\/miyabi\/api;/);
    const page = await call('/api/docs', { accept: 'text/html' });
    expect(locationOf(page)).toBe('/miyabi/api/v1/auth/github?redirect=/api/docs');
    await below.close();
  });
});
