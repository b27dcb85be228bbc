import { newId } from '../src/ids.js';
import { Browser, locationOf } from './browser.js';
import { GithubStandIn, type GithubPerson } from './github-stand-in.js';
import { codeOf, signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const github = new GithubStandIn();
let server: TestApp;

beforeAll(() => github.start());
afterAll(() => github.stop());
beforeEach(() => github.heal());

/** Each policy has an instance of its own, with nobody in it. */
const instance = (SIGN_UP: string): void => {
  beforeAll(async () => {
    server = await startTestApp({ ...github.environment, PUBLIC_URL: 'https://miyabi.example.org', SIGN_UP });
  });
  afterAll(() => server.close());
};

const rowsOf = async (sql: string, parameters: unknown[] = []): Promise<unknown[]> =>
  (await server.sql.query(sql, parameters)).rows as unknown[];

/** Signs in through GitHub; gives the error that the browser is told of, or null. */
async function through(person: GithubPerson, browser = new Browser(server.url)): Promise<string | null> {
  github.person = person;
  return new URL(locationOf(await browser.signIn())).searchParams.get('error');
}

const mock = (github_id: number, name: string) =>
  server.request.post('/api/v1/auth/mock').send({ github_id, email: `${name}@example.com` });

const administrators = () => rowsOf('select login from users where is_administrator order by login');

const invite = async (login: string, expires = '1 day', status = 'pending'): Promise<void> => {
  await server.sql.query(
    `insert into invitations (id, organization_id, login, role, status, expires_at)
     select $1, id, $2, 'member', $3, now() + $4::interval from organizations limit 1`,
    [newId(), login, status, expires],
  );
};

describe('where everybody may come', () => {
  instance('open');

  it('the first person at all administers the instance until the first one comes through GitHub', async () => {
    await mock(1, 'mallory').expect(200);
    await mock(2, 'trent').expect(200);
    expect(await administrators()).toEqual([{ login: 'mallory' }]);
    expect(await through({ id: '3001', login: 'ada' })).toBeNull();
    expect(await administrators()).toEqual([{ login: 'ada' }, { login: 'mallory' }]);
    expect(await through({ id: '3002', login: 'bob' })).toBeNull();
    expect(await administrators()).toEqual([{ login: 'ada' }, { login: 'mallory' }]);
  });

  it('an administrator that mock login has made is none any more once GitHub vouches for them', async () => {
    expect(await through({ id: '1', login: 'mallory' })).toBeNull();
    expect(await administrators()).toEqual([{ login: 'ada' }]);
    expect(await through({ id: '3001', login: 'ada' })).toBeNull();
    expect(await administrators()).toEqual([{ login: 'ada' }]);
  });

  it('a sign-in through GitHub ends what mock login gave the same person, and closes it to them', async () => {
    const [own, others] = [await signIn(server, 4001), await signIn(server, 4002)];
    const me = (token: string) => server.request.get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`);
    await me(own.access_token).expect(200);
    expect(await through({ id: '4001', login: 'eve' })).toBeNull();
    expect(await codeOf(me(own.access_token))).toBe('401 auth/session-ended');
    const { refresh_token } = own;
    expect(await codeOf(server.request.post('/api/v1/auth/refresh').send({ refresh_token }))).toMatch(/^401/);
    await me(others.access_token).expect(200);
    expect(await codeOf(mock(4001, 'thief'))).toBe('403 auth/known-through-github');
    expect(
      await rowsOf(`select data from audit_entries where action = 'auth.sign_in_failed' and actor->>'id' = '4001'`),
    ).toEqual([{ data: { origin: 'mock', cause: 'known_through_github' } }]);
    expect(
      await rowsOf(
        `select s.origin from sessions s join users u on u.id = s.user_id
         where u.github_id = 4001 and s.revoked_at is null`,
      ),
    ).toEqual([{ origin: 'github' }]);
  });

  it('mock logins at the same moment are over, too, or refused', async () => {
    for (let round = 0; round < 5; round++) {
      const id = 4100 + round;
      const browser = new Browser(server.url);
      github.person = { id: String(id), login: `racer-${String(round)}` };
      const path = await browser.leave();
      const [back, ...mocks] = await Promise.all([browser.get(path), ...[1, 2, 3].map(() => mock(id, 'racer'))]);
      expect(back.status).toBe(302);
      expect(mocks.filter(({ status }) => status !== 200 && status !== 403)).toEqual([]);
      expect(
        await rowsOf(
          `select s.origin from sessions s join users u on u.id = s.user_id
           where u.github_id = $1 and s.revoked_at is null`,
          [id],
        ),
      ).toEqual([{ origin: 'github' }]);
    }
  });

  it('a login belongs to one person at a time, whatever its case', async () => {
    expect(await through({ id: '5001', login: 'Grace' })).toBeNull();
    expect(await through({ id: '5002', login: 'grace' })).toBeNull();
    expect(await rowsOf('select login from users where github_id in (5001, 5002) order by github_id')).toEqual([
      { login: 'renamed-5001' },
      { login: 'grace' },
    ]);
    expect(await through({ id: '5001', login: 'hopper' })).toBeNull();
    expect(await rowsOf('select login from users where github_id in (5001, 5002) order by github_id')).toEqual([
      { login: 'hopper' },
      { login: 'grace' },
    ]);
  });

  it('two people who swap their logins at once both get in', async () => {
    const people = [
      { id: '5101', login: 'left' },
      { id: '5102', login: 'right' },
    ];
    for (const person of people) await through(person);
    const paths: { browser: Browser; path: string }[] = [];
    for (const [at, { id }] of people.entries()) {
      const browser = new Browser(server.url);
      github.person = { id, login: people[1 - at]!.login };
      paths.push({ browser, path: await browser.leave() });
    }
    const answers = await Promise.all(paths.map(({ browser, path }) => browser.get(path)));
    expect(answers.map(({ status }) => status)).toEqual([302, 302]);
    const logins = (await rowsOf('select login from users where github_id in (5101, 5102)')) as { login: string }[];
    expect(new Set(logins.map(({ login }) => login)).size).toBe(2);
  });

  it('only the administrator and keys of the instance register workers for everybody', async () => {
    const browser = new Browser(server.url);
    const register = async (person: GithubPerson, name: string): Promise<number> => {
      await through(person, browser);
      const own = { origin: 'https://miyabi.example.org' };
      const answer = await browser.post('/api/v1/auth/refresh', undefined, own);
      const { access_token } = (await answer.json()) as { access_token: string };
      const authorization = `Bearer ${access_token}`;
      const me = (await (await browser.get('/api/v1/auth/me', { authorization })).json()) as object;
      expect(me).toMatchObject({ is_administrator: person.login === 'ada' });
      return (await browser.post('/api/v1/workers', { name, scope: 'instance' }, { authorization })).status;
    };
    expect(await register({ id: '3001', login: 'ada' }, 'w1')).toBe(201);
    expect(await register({ id: '3002', login: 'bob' }, 'w2')).toBe(403);
  });
});

describe('where only the invited may come', () => {
  instance('invited');

  it('of many who come first at once through GitHub one gets in and administers the instance', async () => {
    for (let round = 0; round < 4; round++) {
      await server.sql.query('truncate users, organizations cascade');
      const arrivals: { browser: Browser; path: string }[] = [];
      for (let at = 0; at < 6; at++) {
        const browser = new Browser(server.url);
        github.person = { id: String(6000 + at), login: `first-${String(at)}` };
        arrivals.push({ browser, path: await browser.leave() });
      }
      const answers = await Promise.all(arrivals.map(({ browser, path }) => browser.get(path)));
      const errors = answers.map((answer) => new URL(locationOf(answer)).searchParams.get('error') ?? 'none');
      expect(errors.sort()).toEqual(['none', ...Array.from({ length: 5 }, () => 'sign_up_closed')]);
      expect(await rowsOf('select is_administrator from users')).toEqual([{ is_administrator: true }]);
    }
  });

  it('others are kept out, without a trace but for the audit log', async () => {
    const traces = () =>
      rowsOf(
        `select (select count(*) from users) as users, (select count(*) from sessions) as sessions,
           (select count(*) from github_tokens) as tokens, (select count(*) from organizations) as organizations`,
      );
    const before = await traces();
    const browser = new Browser(server.url);
    expect(await through({ id: '6100', login: 'stranger' }, browser)).toBe('sign_up_closed');
    expect(browser.cookie('miyabi_refresh')).toBeNull();
    expect(await codeOf(mock(6101, 'masked'))).toBe('403 auth/sign-up-closed');
    expect(await traces()).toEqual(before);
    expect(
      await rowsOf(
        `select actor->>'login' as login, data from audit_entries where actor->>'login' in ('stranger', 'masked')
         order by id`,
      ),
    ).toEqual([
      { login: 'stranger', data: { origin: 'github', cause: 'sign_up_closed' } },
      { login: 'masked', data: { origin: 'mock', cause: 'sign_up_closed' } },
    ]);
  });

  it('an invitation lets in whom it names, whatever its case, while it is good', async () => {
    await invite('Guest');
    await invite('late', '-1 second');
    await invite('declined', '1 day', 'declined');
    expect(await through({ id: '6200', login: 'guest' })).toBeNull();
    expect(await through({ id: '6201', login: 'late' })).toBe('sign_up_closed');
    expect(await through({ id: '6202', login: 'declined' })).toBe('sign_up_closed');
    await invite('masked');
    await mock(6203, 'masked').expect(200);
  });

  it('those who are known come back, also without an invitation', async () => {
    await server.sql.query('delete from invitations');
    expect(await through({ id: '6200', login: 'renamed-at-github' })).toBeNull();
    await mock(6203, 'masked').expect(200);
  });
});

describe('where members of a GitHub organization may come', () => {
  instance('github-org:Acme');

  it.each([
    ['a member', { Acme: 'active' }, null],
    ['somebody who is only invited there', { Acme: 'pending' }, 'sign_up_closed'],
    ['a member of another one', { Other: 'active' }, 'sign_up_closed'],
    ['a member of none', {}, 'sign_up_closed'],
  ] as const)('%s is answered with %j: %s', async (name, organizations, expected) => {
    const id = String(7000 + name.length);
    expect(await through({ id, login: `m-${id}`, organizations })).toBe(expected);
    expect(github.calls).toContain('/api/v3/user/memberships/orgs/Acme');
  });

  it('who is known is not asked about again, and nobody gets in without GitHub', async () => {
    expect(await through({ id: String(7000 + 'a member'.length), login: 'member' })).toBeNull();
    expect(github.calls.filter((path) => path.includes('memberships'))).toEqual([]);
    expect(await codeOf(mock(7100, 'anybody'))).toBe('403 auth/sign-up-closed');
  });

  it('nobody new gets in while GitHub cannot tell, or the person has not let us ask', async () => {
    const organizations = { Acme: 'active' } as const;
    github.faults.membership = (response) => response.writeHead(500).end();
    expect(await through({ id: '7200', login: 'unlucky', organizations })).toBe('github_unavailable');
    github.faults.membership = (response) => response.end('null');
    expect(await through({ id: '7200', login: 'unlucky', organizations })).toBe('github_malformed');
    github.heal();
    github.granted = () => 'read:user';
    expect(await through({ id: '7200', login: 'unlucky', organizations })).toBe('sign_up_closed');
    github.heal();
    expect(await through({ id: '7200', login: 'unlucky', organizations })).toBeNull();
  });
});
