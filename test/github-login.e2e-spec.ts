import { createHash, randomBytes } from 'node:crypto';
import { GithubTokensService } from '../src/sign-in/github-tokens.service.js';
import { TokenRotationDuty } from '../src/sign-in/token-rotation.duty.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { Browser, locationOf } from './browser.js';
import { CLIENT_ID, GithubStandIn } from './github-stand-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const PUBLIC = 'https://miyabi.example.org';
const FRONTEND = 'https://console.example.org/app';
const NEXT_KEY = `next:${randomBytes(32).toString('base64')}`;

const github = new GithubStandIn();
let server: TestApp;
let environment: Record<string, string | undefined>;

beforeAll(async () => {
  await github.start();
  const JWT_SECRET = randomBytes(32).toString('hex');
  environment = { ...github.environment, JWT_SECRET, PUBLIC_URL: `${PUBLIC}/`, FRONTEND_URL: `${FRONTEND}/` };
  server = await startTestApp(environment);
});
afterAll(async () => {
  await server.close();
  await github.stop();
});
beforeEach(() => github.heal());

type Row = Record<string, unknown>;

const rowsOf = async (sql: string, parameters: unknown[] = []): Promise<Row[]> =>
  (await server.sql.query<Row>(sql, parameters)).rows;
const rowOf = async (sql: string, parameters: unknown[] = []): Promise<Row> => (await rowsOf(sql, parameters))[0] ?? {};

const problemOf = async (answer: Response): Promise<string> =>
  `${String(answer.status)} ${((await answer.json()) as { code: string }).code}`;

const accessTokenOf = async (browser: Browser): Promise<string> => {
  const answer = await browser.post('/api/v1/auth/refresh', undefined, { origin: PUBLIC });
  return ((await answer.json()) as { access_token: string }).access_token;
};

const authorizationOf = async (browser: Browser) => ({ authorization: `Bearer ${await accessTokenOf(browser)}` });

describe('on the way to GitHub', () => {
  it('a browser gets a signed cookie for the callback alone, and a state that only its hash is kept of', async () => {
    const browser = new Browser(server.url);
    const answer = await browser.get('/api/v1/auth/github?redirect=/tasks');
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([302, 'no-store']);
    const location = new URL(locationOf(answer));
    const { state, code_challenge, ...query } = Object.fromEntries(location.searchParams);
    expect(location.origin + location.pathname).toBe(environment['GITHUB_AUTHORIZE_URL']);
    expect(query).toEqual({
      client_id: CLIENT_ID,
      response_type: 'code',
      redirect_uri: `${PUBLIC}/api/v1/auth/github/callback`,
      scope: 'read:user user:email',
      code_challenge_method: 'S256',
    });
    expect(Buffer.from(state!, 'base64url')).toHaveLength(32);
    expect(Buffer.from(code_challenge!, 'base64url')).toHaveLength(32);
    const { value, attributes } = browser.cookies.get('miyabi_sign_in')!;
    expect(value).toMatch(/^s%3A[\w-]{43}\./);
    for (const attribute of ['httponly', 'secure', 'samesite=lax', 'max-age=600', 'path=/api/v1/auth/github;'])
      expect(attributes).toContain(attribute);
    const row = await rowOf(
      `select *, expires_at - created_at = interval '10 minutes' as ten from oauth_states where state_hash = $1`,
      [createHash('sha256').update(state!).digest()],
    );
    expect(row).toMatchObject({ redirect: '/tasks', ten: true, sealed_verifier: expect.stringMatching(/^test\./) });
    expect(JSON.stringify(row)).not.toContain(state);
  });

  it('a Host header does not decide where GitHub sends people back to', async () => {
    const answer = await fetch(`${server.url}/api/v1/auth/github`, {
      redirect: 'manual',
      headers: { 'x-forwarded-host': 'evil.example' },
    });
    expect(new URL(locationOf(answer)).searchParams.get('redirect_uri')).toMatch(`${PUBLIC}/`);
  });

  it('two tabs of one browser both come through', async () => {
    const browser = new Browser(server.url);
    const paths = [await browser.leave('/one'), await browser.leave('/two')];
    for (const [at, name] of ['one', 'two'].entries())
      expect(locationOf(await browser.get(paths[at]!))).toBe(`${FRONTEND}/${name}`);
  });

  it('is closed where GitHub is not set up', async () => {
    const closed = await startTestApp({}, server);
    try {
      for (const path of ['', '?redirect=//x', '/callback', '/callback?code=a&state=b'])
        expect(await problemOf(await new Browser(closed.url).get(`/api/v1/auth/github${path}`))).toBe(
          '404 auth/github-off',
        );
    } finally {
      await closed.close();
    }
  });
});

describe('back from GitHub', () => {
  it('a person is signed in, in a cookie and never in an address', async () => {
    github.person = { id: '2001', login: 'Ada-L', name: ' Ada Lovelace ', avatar_url: 'https://pics.example/1' };
    github.person.emails = [
      { email: 'old@example.org', primary: false, verified: true },
      { email: 'ada@example.org', primary: true, verified: true },
    ];
    const browser = new Browser(server.url);
    const answer = await browser.signIn('/tasks?status=failed#top');
    expect([answer.status, locationOf(answer)]).toEqual([302, `${FRONTEND}/tasks?status=failed#top`]);
    const { value, attributes } = browser.cookies.get('miyabi_refresh')!;
    expect(value).toMatch(/^myr_/);
    for (const attribute of ['httponly', 'secure', 'samesite=lax', 'max-age=604800', 'path=/api;'])
      expect(attributes).toContain(attribute);
    const me = await browser.get('/api/v1/auth/me', await authorizationOf(browser));
    expect(await me.json()).toMatchObject({
      user: {
        github_id: '2001',
        login: 'Ada-L',
        name: 'Ada Lovelace',
        email: 'ada@example.org',
        avatar_url: 'https://pics.example/1',
      },
      organization: { name: 'Ada-L', personal: true },
      role: 'owner',
    });
    expect(
      await rowsOf(`select origin from sessions s join users u on u.id = s.user_id where github_id = 2001`),
    ).toEqual([{ origin: 'github' }]);
    const entry = await rowOf(`select * from audit_entries where action = 'auth.signed_in' order by id desc limit 1`);
    expect(entry).toMatchObject({ actor: { login: 'Ada-L' }, data: { origin: 'github' }, ip: '127.0.0.1' });
  });

  it.each([
    ['/device?code=ABCD', PUBLIC],
    ['/api/docs', PUBLIC],
    ['/apiary', FRONTEND],
    ['/', FRONTEND],
  ])('a browser that came for %s goes to %s', async (path, base) => {
    expect(locationOf(await new Browser(server.url).signIn(path))).toBe(base + path);
  });

  it('the profile is that of today, and an address is verified or none', async () => {
    const profile = () => rowOf('select login, name, email, avatar_url from users where github_id = 2002');
    const address = { email: 'bob@example.org', primary: true, verified: true };
    github.person = { id: '2002', login: 'bob', name: 'Bob', avatar_url: 'https://p.example/b', emails: [address] };
    await new Browser(server.url).signIn();
    expect(await profile()).toEqual({
      login: 'bob',
      name: 'Bob',
      email: address.email,
      avatar_url: 'https://p.example/b',
    });
    github.person = { id: '2002', login: 'robert', avatar_url: 'javascript:alert(1)' };
    for (const emails of [
      [{ ...address, verified: false }],
      [{ ...address, primary: false }],
      [],
      [{ ...address, email: 'x' }],
    ]) {
      github.person.emails = emails;
      await new Browser(server.url).signIn();
      expect(await profile()).toEqual({ login: 'robert', name: null, email: null, avatar_url: null });
      await server.sql.query(`update users set email = 'stale@example.org' where github_id = 2002`);
    }
    github.granted = () => 'read:user';
    github.person.emails = [address];
    await new Browser(server.url).signIn();
    expect(await profile()).toMatchObject({ email: null });
    expect(github.calls.filter((path) => path.endsWith('/emails')).length).toBe(5);
  });

  it.each(['9007199254740993', '9223372036854775807'])('the id %s is exact', async (id) => {
    github.person = { id, login: `big-${id}` };
    await new Browser(server.url).signIn();
    expect(await rowsOf('select github_id from users where login = $1', [`big-${id}`])).toEqual([{ github_id: id }]);
  });
});

describe('the token of GitHub', () => {
  const secrets = () => [...github.tokens.keys()];

  it('is kept encrypted for its owner, with what it may do', async () => {
    github.person = { id: '2003', login: 'carol' };
    await new Browser(server.url).signIn();
    const row = await rowOf(
      'select t.*, u.id from github_tokens t join users u on u.id = t.user_id where u.github_id = 2003',
    );
    expect(row).toMatchObject({ key_id: 'test', scopes: ['read:user', 'user:email'] });
    const tokens = server.app.get(GithubTokensService);
    expect(await tokens.find(String(row['user_id']))).toBe(secrets().at(-1));
    const dump = JSON.stringify(await rowsOf('select t::text from github_tokens t'));
    expect(secrets().filter((secret) => dump.includes(secret))).toEqual([]);
  });

  it('cannot be opened once it was changed, nor in the row of somebody else', async () => {
    const [one, other] = (await rowsOf('select user_id, sealed_token from github_tokens limit 2')) as {
      user_id: string;
      sealed_token: string;
    }[];
    const tokens = server.app.get(GithubTokensService);
    for (const sealed of [other!.sealed_token, one!.sealed_token.replace(/.$/, (c) => (c === 'A' ? 'Q' : 'A'))]) {
      await server.sql.query('update github_tokens set sealed_token = $2 where user_id = $1', [one!.user_id, sealed]);
      await expect(tokens.find(one!.user_id)).rejects.toThrow('was changed');
    }
  });

  it('comes to the next key once that is the first, but for those that were changed', async () => {
    const rotated = await startTestApp(
      { ...environment, TOKEN_ENCRYPTION_KEYS: `${NEXT_KEY},${String(environment['TOKEN_ENCRYPTION_KEYS'])}` },
      server,
    );
    try {
      const count = Number((await rowOf('select count(*) as n from github_tokens'))['n']);
      const duty = rotated.app.get(TokenRotationDuty, { strict: false });
      await rotated.app.get(DutiesService, { strict: false }).runOnce(duty);
      const byKey = await rowsOf('select key_id, count(*)::int as n from github_tokens group by 1 order by 1');
      expect(byKey).toEqual([
        { key_id: 'next', n: count - 1 },
        { key_id: 'test', n: 1 },
      ]);
      const { user_id } = await rowOf(
        'select user_id from github_tokens t join users u on u.id = t.user_id where u.github_id = 2003',
      );
      expect(secrets()).toContain(await rotated.app.get(GithubTokensService).find(String(user_id)));
      await expect(server.app.get(GithubTokensService).find(String(user_id))).rejects.toThrow('there is no key next');
    } finally {
      await rotated.close();
    }
  });
});
