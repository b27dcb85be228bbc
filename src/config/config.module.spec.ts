import { loadServerConfiguration } from './config.module.js';
import { DatabaseConfig } from './database.config.js';
import { HttpConfig } from './http.config.js';
import { ConfigurationFaults, type Environment } from './load.js';
import { RuntimeConfig } from './runtime.config.js';

const SECRETS = {
  DATABASE_URL: 'postgres://ada:pa55word@db.example.org/miyabi',
  JWT_SECRET: 'a-secret-of-more-than-thirty-two-bytes',
  WORKER_REGISTRATION_KEY: 'myk_TESTtestTESTtestTESTtestTESTtestTESTtest1J1apm',
};
const COMPLETE: Environment = { NODE_ENV: 'test', ...SECRETS };

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
    for (const NODE_ENV of ['production', 'development', 'test'])
      expect(faultsOf({ NODE_ENV }).map((fault) => fault.split(' ')[0])).toEqual(['DATABASE_URL', 'JWT_SECRET']);
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
    };
    const faults = faultsOf({ NODE_ENV: 'test', ...wrong });
    expect(faults).toHaveLength(3);
    expect(new ConfigurationFaults(faults).message).not.toMatch(/pa55|myk_p/);
  });

  it.each([' 5', '5 ', '+5', '-1', '1e3', '0x10', '5.0', '٣', 'NaN', '9999999999999999'])(
    'takes whole numbers in decimal digits only, not "%s"',
    (PORT) => {
      expect(faultsOf({ ...COMPLETE, PORT })).toHaveLength(1);
    },
  );

  it('takes an empty variable for one that is absent', () => {
    const configuration = loadServerConfiguration({ ...COMPLETE, PORT: '', DATABASE_POOL_MAX: '', NODE_ENV: '' });
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
  const withMock = (more: Environment) => faultsOf({ ...COMPLETE, MOCK_LOGIN: 'on', ...more });

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
