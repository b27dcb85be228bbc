import { ConfigurationFaults, type Environment } from './load.js';
import { loadRunnerSettings } from './runner.config.js';

const COMPLETE: Environment = { MIYABI_URL: 'http://127.0.0.1:8080', MIYABI_KEY: 'myk_of-a-worker' };
const REFUSED = 'ALLOW_ISOLATION_NONE must be on: agents run as this account and can read what it can read';

function faultsOf(environment: Environment): readonly string[] {
  try {
    loadRunnerSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationFaults) return error.faults;
    throw error;
  }
}

describe('the configuration of a worker', () => {
  it.each(['production', '', undefined])(
    'refuses agents without isolation in production, which is what %j is',
    (NODE_ENV) => {
      expect(faultsOf({ ...COMPLETE, NODE_ENV })).toEqual([REFUSED]);
      expect(faultsOf({ ...COMPLETE, NODE_ENV, ALLOW_ISOLATION_NONE: 'off' })).toEqual([REFUSED]);
      expect(faultsOf({ ...COMPLETE, NODE_ENV, ALLOW_ISOLATION_NONE: 'on' })).toEqual([]);
    },
  );

  it('takes them in development, unless told not to', () => {
    expect(faultsOf({ ...COMPLETE, NODE_ENV: 'development' })).toEqual([]);
    expect(faultsOf({ ...COMPLETE, NODE_ENV: 'development', ALLOW_ISOLATION_NONE: 'off' })).toEqual([REFUSED]);
  });

  it('lists that together with every other fault', () => {
    expect(faultsOf({ MIYABI_URL: 'localhost', MAX_FILE_BYTES: '1G' }).map((fault) => fault.split(' ')[0])).toEqual([
      'MIYABI_URL',
      'MIYABI_KEY',
      'MAX_FILE_BYTES',
      'ALLOW_ISOLATION_NONE',
    ]);
    const wrong = faultsOf({ ...COMPLETE, ALLOW_ISOLATION_NONE: 'yes' });
    expect(wrong).toEqual(['ALLOW_ISOLATION_NONE must be one of on, off']);
  });
});
