import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Environment } from '../src/config/load.js';
import { figure } from './figures.js';
import { codeOf, signIn, type TokenPair } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let github_id = 900_000;

const mock = (server: TestApp, id: number | string = github_id++) =>
  server.request.post('/api/v1/auth/mock').send({ github_id: id, email: 'ada@example.com' });
const times = <T>(count: number, work: (at: number) => PromiseLike<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at)));
const passed = (answers: { status: number }[]): number => answers.filter(({ status }) => status === 200).length;

/** Holds the database, so that not each case needs one of its own. */
let base: TestApp;
beforeAll(async () => {
  base = await startTestApp();
});
afterAll(() => base.close());

/** Servers with the limits of one case, which nobody has used yet; several are processes of one system. */
async function withServers(count: number, settings: Environment, use: (...servers: TestApp[]) => Promise<void>) {
  const servers: TestApp[] = [];
  await base.sql.query('truncate rate_limits');
  try {
    while (servers.length < count) servers.push(await startTestApp(settings, base));
    await use(...servers);
  } finally {
    for (const server of servers) await server.close();
  }
}

/** As if the time that is counted were over. */
const letTimePass = (server: TestApp) => server.sql.query('update rate_limits set expire = 0');

describe('a limit per address', () => {
  it('lets through as many attempts as it says, in all processes together', async () => {
    await withServers(2, { SIGN_IN_LIMIT_PER_ADDRESS: '15' }, async (one, other) => {
      const answers = await times(40, (at) => mock(at % 2 === 0 ? one! : other!));
      figure(null, 'sign-ins that 2 servers with a limit of 15 let through', passed(answers), 'of', answers.length);
      expect(passed(answers)).toBe(15);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    });
  });

  it('says so, and tells on each answer what is left', async () => {
    await withServers(1, { SIGN_IN_LIMIT_PER_ADDRESS: '2' }, async (server) => {
      const left = async (body: object) => {
        const { status, headers } = await server.request.post('/api/v1/auth/mock').send(body);
        const names = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'];
        return [status, ...names.map((name) => headers[name] as string | undefined)];
      };
      const fresh = expect.stringMatching(/^(60|59|58)$/);
      expect(await left({ github_id: 1, email: 'a@example.com' })).toEqual([200, '2', '1', fresh, undefined]);
      // Input that is refused is an attempt as well.
      expect(await left({})).toEqual([400, '2', '0', fresh, undefined]);
      expect(await left({ github_id: 1, email: 'a@example.com' })).toEqual([429, '2', '0', fresh, fresh]);
      const refused = await mock(server);
      expect(refused.headers['content-type']).toBe('application/problem+json');
      expect(refused.body).toMatchObject({ status: 429, code: 'auth/too-many-attempts' });
      expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    });
  });

  it('begins anew when its time is over', async () => {
    await withServers(1, { SIGN_IN_LIMIT_PER_ADDRESS: '3' }, async (server) => {
      await times(2, () => mock(server));
      await letTimePass(server);
      expect((await mock(server)).headers['ratelimit-remaining']).toBe('2');
    });
  });

  it('costs the database nothing for who has used up everything', async () => {
    await withServers(1, { SIGN_IN_LIMIT_PER_ADDRESS: '3' }, async (server) => {
      await times(3, () => mock(server));
      await times(50, () => mock(server));
      const { rows } = await server.sql.query<{ points: number }>('select points from rate_limits');
      expect(rows).toEqual([{ points: 3 }]);
    });
  });

  it('counts the devices that begin and those that ask apart', async () => {
    const settings = { SIGN_IN_LIMIT_PER_ADDRESS: '2', DEVICE_POLL_LIMIT_PER_ADDRESS: '3' };
    await withServers(1, settings, async (server) => {
      const begin = () => server.request.post('/api/v1/auth/device').send({});
      const ask = () => server.request.post('/api/v1/auth/device/token').send({ device_code: 'myd_x' });
      expect((await times(5, begin)).map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429]);
      expect((await times(5, ask)).map(({ status }) => status).sort()).toEqual([400, 400, 400, 429, 429]);
    });
  });
});

describe('a limit per account', () => {
  it('holds for a person from wherever they come, however their id is written, in all processes', async () => {
    await withServers(2, { SIGN_IN_LIMIT_PER_ACCOUNT: '5', TRUSTED_PROXIES: 'loopback' }, async (one, other) => {
      const from = (at: number) => `203.0.113.${String(at + 1)}`;
      const answers = await times(20, (at) =>
        mock(at % 2 === 0 ? one! : other!, at % 3 === 0 ? '77' : 77).set('X-Forwarded-For', from(at)),
      );
      expect(passed(answers)).toBe(5);
      expect((await mock(one!, 78)).status).toBe(200);
    });
  });

  it('is not used up by an address that is refused', async () => {
    const settings = { SIGN_IN_LIMIT_PER_ADDRESS: '2', SIGN_IN_LIMIT_PER_ACCOUNT: '4', TRUSTED_PROXIES: 'loopback' };
    await withServers(1, settings, async (server) => {
      await times(10, () => mock(server, 79).set('X-Forwarded-For', '203.0.113.1'));
      expect((await mock(server, 79).set('X-Forwarded-For', '203.0.113.2')).status).toBe(200);
    });
  });

  it('holds for a refresh token, and leaves no token in the table', async () => {
    await withServers(1, { REFRESH_LIMIT_PER_TOKEN: '3' }, async (server) => {
      const { refresh_token } = await signIn(server);
      const refresh = (token: string) => server.request.post('/api/v1/auth/refresh').send({ refresh_token: token });
      const statuses: number[] = [];
      for (let at = 0; at < 5; at++) statuses.push((await refresh(refresh_token)).status);
      expect(statuses).toEqual([200, 401, 401, 429, 429]);
      expect((await refresh('something else')).status).toBe(400);
      const { rows } = await server.sql.query<{ key: string }>('select key from rate_limits');
      expect(rows).toHaveLength(2);
      expect(rows.filter(({ key }) => key.includes(refresh_token) || !/^refresh:account:[\w-]{43}$/.test(key))).toEqual(
        [],
      );
    });
  });
});

describe('limits', () => {
  it('that are off say nothing', async () => {
    await withServers(1, {}, async (server) => {
      const answers = await times(20, () => mock(server, 80));
      expect(passed(answers)).toBe(20);
      expect(
        answers.flatMap(({ headers }) => Object.keys(headers).filter((name) => name.includes('ratelimit'))),
      ).toEqual([]);
      expect((await server.sql.query('select 1 from rate_limits')).rowCount).toBe(0);
    });
  });

  it('let nobody pass while the database cannot count', async () => {
    const settings = { SIGN_IN_LIMIT_PER_ADDRESS: '5', DATABASE_STATEMENT_TIMEOUT_MS: '300' };
    await withServers(1, settings, async (server) => {
      await server.sql.query('begin');
      await server.sql.query('lock table rate_limits');
      const refused = await server.request.post('/api/v1/auth/device').send({});
      await server.sql.query('rollback');
      expect([refused.status, refused.body.code]).toEqual([503, 'database/unavailable']);
      expect(refused.headers['retry-after']).toBe('2');
      expect((await server.request.post('/api/v1/auth/device').send({})).status).toBe(200);
    });
  });

  it('stand behind the question whether there is such a login at all', async () => {
    await withServers(1, { SIGN_IN_LIMIT_PER_ADDRESS: '1', MOCK_LOGIN: 'off' }, async (server) => {
      for (let at = 0; at < 3; at++) expect(await codeOf(mock(server))).toBe('404 auth/mock-login-off');
    });
  });

  it('are in the document, with their headers', async () => {
    await withServers(1, {}, async (server) => {
      const { paths, components } = (await server.request.get('/api/openapi.json')).body;
      const headers = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];
      for (const path of ['mock', 'refresh', 'device', 'device/token', 'device/lookup', 'device/approve']) {
        const { responses } = paths[`/api/v1/auth/${path}`].post;
        expect(responses['429']).toEqual({ $ref: '#/components/responses/TooManyRequests' });
        expect(Object.keys(responses['200'].headers)).toEqual(expect.arrayContaining(headers));
      }
      expect(Object.keys(components.responses.TooManyRequests.headers)).toEqual(
        expect.arrayContaining([...headers, 'Retry-After']),
      );
      expect(paths['/api/v1/auth/me'].get.responses['429']).toBeUndefined();
    });
  });
});

describe('the address of a caller', () => {
  const sessionAddress = async (server: TestApp, forwarded: string): Promise<string | undefined> => {
    const { body } = await mock(server).set('X-Forwarded-For', forwarded).expect(200);
    const { rows } = await server.sql.query<{ ip: string }>('select ip from sessions where user_id = $1', [
      (body as TokenPair).user.id,
    ]);
    return rows[0]?.ip;
  };

  it('is that of the connection as long as no proxy is trusted', async () => {
    await withServers(1, { SIGN_IN_LIMIT_PER_ADDRESS: '3' }, async (server) => {
      expect(await sessionAddress(server, '203.0.113.9')).toBe('127.0.0.1');
      const answers = await times(10, (at) => mock(server).set('X-Forwarded-For', `203.0.113.${String(at)}`));
      expect(passed(answers)).toBe(2);
    });
  });

  it('is what a trusted proxy tells, and no other', async () => {
    await withServers(1, { TRUSTED_PROXIES: 'loopback, 10.0.0.0/8' }, async (server) => {
      expect(await sessionAddress(server, '203.0.113.9')).toBe('203.0.113.9');
      expect(await sessionAddress(server, '2001:db8::1')).toBe('2001:db8::1');
      // What stands left of an untrusted address is what that one says.
      expect(await sessionAddress(server, '198.51.100.1, 203.0.113.9, 10.1.2.3')).toBe('203.0.113.9');
      expect(await sessionAddress(server, 'not an address')).toBe('127.0.0.1');
    });
    await withServers(1, { TRUSTED_PROXIES: '10.0.0.1' }, async (server) => {
      expect(await sessionAddress(server, '203.0.113.9')).toBe('127.0.0.1');
    });
  });

  it('is counted by its network where it is IPv6', async () => {
    await withServers(1, { SIGN_IN_LIMIT_PER_ADDRESS: '3', TRUSTED_PROXIES: 'loopback' }, async (server) => {
      const near = await times(9, (at) => mock(server).set('X-Forwarded-For', `2001:db8:0:1::${String(at)}`));
      expect(passed(near)).toBe(3);
      expect((await mock(server).set('X-Forwarded-For', '2001:db8:0:2::1')).status).toBe(200);
    });
  });
});
