import { ConfigurationFaults, type Environment } from './load.js';
import { loadRunnerSettings } from './runner.config.js';

const COMPLETE: Environment = { MIYABI_URL: 'http://127.0.0.1:8080', MIYABI_KEY: 'myk_of-a-worker' };

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
    'allows no agents without isolation in production, which is what %j is',
    (NODE_ENV) => {
      expect(loadRunnerSettings({ ...COMPLETE, NODE_ENV }).runner.allow_isolation_none).toBe(false);
      const allowed = loadRunnerSettings({ ...COMPLETE, NODE_ENV, ALLOW_ISOLATION_NONE: 'on' });
      expect(allowed.runner.allow_isolation_none).toBe(true);
    },
  );

  it('allows them in development, unless told not to', () => {
    const development = { ...COMPLETE, NODE_ENV: 'development' };
    expect(loadRunnerSettings(development).runner.allow_isolation_none).toBe(true);
    expect(loadRunnerSettings({ ...development, ALLOW_ISOLATION_NONE: 'off' }).runner.allow_isolation_none).toBe(false);
  });

  it('lists every fault at once', () => {
    expect(faultsOf({ MIYABI_URL: 'localhost', MAX_FILE_BYTES: '1G' }).map((fault) => fault.split(' ')[0])).toEqual([
      'MIYABI_URL',
      'MAX_FILE_BYTES',
    ]);
    const wrong = faultsOf({ ...COMPLETE, ALLOW_ISOLATION_NONE: 'yes', AGENT_ISOLATION: 'some' });
    expect(wrong).toEqual([
      'AGENT_ISOLATION must be one of best, uid, namespace, wrapper, none',
      'ALLOW_ISOLATION_NONE must be one of on, off',
    ]);
  });

  it('looks never, or not all the time', () => {
    for (const [told, look_seconds] of [
      ['0', 0],
      ['0.5', 0.5],
    ] as const)
      expect(loadRunnerSettings({ ...COMPLETE, LOOK_SECONDS: told }).runner.look_seconds).toBe(look_seconds);
    for (const told of ['0.1', '-1', '00'])
      expect(faultsOf({ ...COMPLETE, LOOK_SECONDS: told })).toEqual([
        'LOOK_SECONDS must be a number of seconds from 0.5 to 3600, or 0',
      ]);
  });

  it('reads accounts as pairs', () => {
    const { accounts } = loadRunnerSettings({ ...COMPLETE, MIYABI_ACCOUNTS: ' claude=team-a, codex = b=c ' }).runner;
    expect(accounts).toEqual({ claude: 'team-a', codex: 'b=c' });
    expect(faultsOf({ ...COMPLETE, MIYABI_ACCOUNTS: 'claude' })).toEqual([
      'MIYABI_ACCOUNTS must be pairs such as claude=team-a, separated by commas',
    ]);
  });

  it('reads a command as words, or as a list where a word holds a blank', () => {
    const read = (AGENT_SANDBOX: string): readonly string[] =>
      loadRunnerSettings({ ...COMPLETE, AGENT_SANDBOX }).runner.agent_sandbox;
    expect(read('bwrap  --bind / /')).toEqual(['bwrap', '--bind', '/', '/']);
    expect(read('["bwrap","--bind","/a b","/"]')).toEqual(['bwrap', '--bind', '/a b', '/']);
    for (const wrong of ['[', '[1]', '[""]'])
      expect(faultsOf({ ...COMPLETE, AGENT_SANDBOX: wrong })).toEqual([
        'AGENT_SANDBOX must be words, or a JSON list of texts',
      ]);
  });
});
