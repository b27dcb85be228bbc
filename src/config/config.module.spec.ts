import { loadServerConfiguration } from './config.module.js';
import { DatabaseConfig } from './database.config.js';
import { GithubConfig } from './github.config.js';
import { HttpConfig } from './http.config.js';
import { ConfigurationFaults, type Environment } from './load.js';
import { RuntimeConfig } from './runtime.config.js';

const SECRETS = {
  DATABASE_URL: 'postgres://ada:pa55word@db.example.org/miyabi',
  JWT_SECRET: 'a-secret-of-more-than-thirty-two-bytes',
  WORKER_REGISTRATION_KEY: 'myk_TESTtestTESTtestTESTtestTESTtestTESTtest1J1apm',
};
const COMPLETE: Environment = { NODE_ENV: 'test', ...SECRETS };
const GITHUB = {
  GITHUB_CLIENT_ID: 'Iv1.app',
  GITHUB_CLIENT_SECRET: 'pa55word-of-the-app',
  TOKEN_ENCRYPTION_KEYS: `one:${Buffer.alloc(32, 1).toString('base64')}`,
};
const PRODUCTION: Environment = { ...SECRETS, ...GITHUB, PUBLIC_URL: 'https://miyabi.example.org' };

/** What is wrong with an environment, a line each. */
function faultsOf(environment: Environment): readonly string[] {
  try {
    loadServerConfiguration(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationFaults) return error.faults;
    throw error;
  }
}

describe('the configuration of a server', () => {
  it('is complete with a database and a secret; the secret has no default anywhere', () => {
    expect(faultsOf(COMPLETE)).toEqual([]);
    for (const NODE_ENV of ['development', 'test'])
      expect(faultsOf({ NODE_ENV }).map((fault) => fault.split(' ')[0])).toEqual(['DATABASE_URL', 'JWT_SECRET']);
  });

  it('needs an address and GitHub in production, as nobody could sign in otherwise', () => {
    for (const NODE_ENV of ['production', undefined, '']) {
      expect(faultsOf({ ...PRODUCTION, NODE_ENV })).toEqual([]);
      expect(faultsOf({ NODE_ENV }).map((fault) => fault.split(' ').slice(0, 3).join(' '))).toEqual(
        [
          'PUBLIC_URL',
          'DATABASE_URL',
          'JWT_SECRET',
          'GITHUB_CLIENT_ID',
          'GITHUB_CLIENT_SECRET',
          'TOKEN_ENCRYPTION_KEYS',
        ].map((name) => `${name} is required`),
      );
    }
  });

  it('tells every fault at once, whichever class it belongs to, and what would be right', () => {
    const faults = faultsOf({
      NODE_ENV: 'prod',
      PORT: '80a',
      DATABASE_URL: 'mysql://db',
      DATABASE_POOL_MAX: '1',
      JWT_SECRET: 'short',
      WORKER_REGISTRATION_KEY: 'myk_typed-by-hand',
      HEADERS_TIMEOUT_SECONDS: '0x10',
      LEASE_SECONDS: '10',
      HEARTBEAT_SECONDS: '6',
      SCRIPT_TASKS: 'yes',
      MOCK_LOGIN: 'on',
      HOST: '0.0.0.0',
    });
    expect(faults).toEqual([
      'NODE_ENV must be one of production, development, test',
      'PORT must be a whole number from 0 to 65535',
      'HEADERS_TIMEOUT_SECONDS must be a number of seconds from 0.1 to 60',
      'DATABASE_URL must be a URL that begins with postgres:// or postgresql://',
      'DATABASE_POOL_MAX must be a whole number from 2 to 1000',
      'JWT_SECRET must be at least 32 bytes long',
      'WORKER_REGISTRATION_KEY must be `myk_` and 46 letters or digits',
      'SCRIPT_TASKS must be one of on, off',
      'MOCK_LOGIN must be off when HOST is 0.0.0.0, as others could reach it',
    ]);
  });

  it('tells how values contradict each other', () => {
    expect(faultsOf({ ...COMPLETE, LEASE_SECONDS: '10', HEARTBEAT_SECONDS: '6', DATABASE_POOL_MIN: '50' })).toEqual([
      'DATABASE_POOL_MIN must not be above DATABASE_POOL_MAX',
      'HEARTBEAT_SECONDS must be at most half of LEASE_SECONDS',
    ]);
  });

  it('never repeats a secret, however wrong it is', () => {
    const wrong = {
      DATABASE_URL: 'http://u:pa55word@h',
      JWT_SECRET: 'pa55word',
      WORKER_REGISTRATION_KEY: 'myk_pa55word',
      TOKEN_ENCRYPTION_KEYS: 'one:pa55word',
      SIGN_UP: 'pa55word',
    };
    const faults = faultsOf({ NODE_ENV: 'test', ...wrong });
    expect(faults).toHaveLength(5);
    expect(new ConfigurationFaults(faults).message).not.toMatch(/pa55|myk_p/);
  });

  it.each([' 5', '5 ', '+5', '-1', '1e3', '0x10', '5.0', '٣', 'NaN', '9999999999999999'])(
    'takes whole numbers in decimal digits only, not "%s"',
    (PORT) => {
      expect(faultsOf({ ...COMPLETE, PORT })).toHaveLength(1);
    },
  );

  it('takes an empty variable for one that is absent', () => {
    const configuration = loadServerConfiguration({ ...PRODUCTION, PORT: '', DATABASE_POOL_MAX: '', NODE_ENV: '' });
    expect(configuration.get(HttpConfig).port).toBe(8080);
    expect(configuration.get(RuntimeConfig).production).toBe(true);
    expect(configuration.get(DatabaseConfig).pool_max).toBe(100);
  });
});

describe('trusted proxies', () => {
  const proxies = (TRUSTED_PROXIES: string) =>
    loadServerConfiguration({ ...COMPLETE, TRUSTED_PROXIES }).get(HttpConfig).trusted_proxies;

  it('are addresses, ranges and words that Express knows; none by default', () => {
    const words = [
      'loopback',
      'linklocal',
      'uniquelocal',
      '203.0.113.7',
      '10.0.0.0/8',
      '::1',
      'fd00::/8',
      '2001:db8::/128',
    ];
    expect(proxies(words.join(', '))).toEqual(words);
    expect(proxies('')).toEqual([]);
  });

  it.each([
    'proxy.example.org',
    '10.0.0',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '/8',
    'true',
    '1',
    'fe80::1%eth0',
  ])('are not %s', (word) => {
    expect(faultsOf({ ...COMPLETE, TRUSTED_PROXIES: `10.0.0.1, ${word}` })).toEqual([
      'TRUSTED_PROXIES must be IP addresses, ranges such as 10.0.0.0/8, or loopback, linklocal, uniquelocal',
    ]);
  });
});

describe('mock login', () => {
  const withMock = (more: Environment) => faultsOf({ ...PRODUCTION, NODE_ENV: 'test', MOCK_LOGIN: 'on', ...more });

  it.each([{ NODE_ENV: 'production' }, { NODE_ENV: undefined }, { NODE_ENV: '' }])(
    'is impossible in production, which is what %j is',
    (environment) => {
      expect(withMock({ ...environment, HOST: '127.0.0.1' })).toEqual(['MOCK_LOGIN must be off in production']);
    },
  );

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.0.0.1.example.org'])(
    'is impossible where others can reach it: %s',
    (HOST) => {
      expect(withMock({ HOST })).toEqual([`MOCK_LOGIN must be off when HOST is ${HOST}, as others could reach it`]);
    },
  );

  it.each(['127.0.0.1', '::1', 'localhost', '', undefined])('is possible on this machine: %s', (HOST) => {
    expect(withMock({ HOST })).toEqual([]);
  });
});

describe('sign-in through GitHub', () => {
  const github = (environment: Environment) =>
    loadServerConfiguration({ ...COMPLETE, ...environment }).get(GithubConfig);
  const key = (fill: number, bytes = 32) => Buffer.alloc(bytes, fill).toString('base64');

  it('is whole or not there', () => {
    expect(github({}).enabled).toBe(false);
    expect(github(GITHUB).enabled).toBe(true);
    for (const name of Object.keys(GITHUB))
      expect(faultsOf({ ...COMPLETE, ...GITHUB, [name]: '' })).toEqual([
        `${name} is required for sign-in through GitHub`,
      ]);
  });

  it('takes keys of 32 bytes, each with an id of its own', () => {
    const { token_encryption_keys: keys } = github({ TOKEN_ENCRYPTION_KEYS: ` b:${key(2)} , a:${key(1)}` });
    expect(keys.map(({ id, key: { length } }) => [id, length])).toEqual([
      ['b', 32],
      ['a', 32],
    ]);
    for (const value of [
      key(1),
      `a:${key(1, 31)}`,
      `a:${key(1, 33)}`,
      `a:${key(1, 16)}`,
      `a b:${key(1)}`,
      `:${key(1)}`,
      ',',
    ])
      expect(faultsOf({ ...COMPLETE, TOKEN_ENCRYPTION_KEYS: value })).toHaveLength(1);
    expect(faultsOf({ ...COMPLETE, TOKEN_ENCRYPTION_KEYS: `a:${key(1)},a:${key(2)}` })).toEqual([
      'TOKEN_ENCRYPTION_KEYS must give each key an id of its own',
    ]);
  });

  it('lets in the invited in production and everybody in development, unless told otherwise', () => {
    expect(github({}).sign_up).toBe('open');
    expect(github({ ...PRODUCTION, NODE_ENV: 'production' }).sign_up).toBe('invited');
    const { sign_up_organization, scopes } = github({ SIGN_UP: 'github-org:Acme-1', GITHUB_SCOPES: 'read:user' });
    expect([sign_up_organization, scopes]).toEqual(['Acme-1', ['read:user', 'read:org']]);
    for (const SIGN_UP of ['closed', 'github-org:', 'github-org:a/b', 'github-org:-a', 'Open'])
      expect(faultsOf({ ...COMPLETE, SIGN_UP })).toHaveLength(1);
  });
});

describe('the host names that requests may carry', () => {
  const names = (environment: Environment) =>
    loadServerConfiguration({ ...COMPLETE, ...environment }).get(HttpConfig).hostNames;

  it('are those of loopback, and more where they are told', () => {
    expect([...(names({}) ?? [])].sort()).toEqual(['127.0.0.1', '::1', 'localhost']);
    expect([...(names({ PUBLIC_URL: 'https://Miyabi.example.org/x', ALLOWED_HOSTS: 'API.local, b' }) ?? [])]).toEqual(
      expect.arrayContaining(['miyabi.example.org', 'api.local', 'b', 'localhost']),
    );
  });

  it('are any on all addresses as long as nobody has told, and with *', () => {
    expect(names({ HOST: '0.0.0.0' })).toBeNull();
    expect(names({ ALLOWED_HOSTS: '*' })).toBeNull();
    expect([...(names({ HOST: '0.0.0.0', PUBLIC_URL: 'https://m.example.org' }) ?? [])]).toContain('m.example.org');
  });
});
