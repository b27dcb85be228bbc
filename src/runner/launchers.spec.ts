import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { obstacleTo } from '../../test/isolation-levels.js';
import { loadRunnerSettings } from '../config/runner.config.js';
import { agentVariables } from './agent-variables.js';
import { chooseIsolation } from './isolation/choose.js';
import type { Isolation } from './isolation/isolation.js';
import { tryOut } from './isolation/try-out.js';
import { LauncherList } from './launcher-list.js';
import { detectLaunchers, findClis } from './launchers.js';
import { RefusedAccounts } from './refused-accounts.js';

const OBSTACLE = await obstacleTo('namespace');
const LEVELS = OBSTACLE === null ? (['none', 'namespace'] as const) : (['none'] as const);

describe.each(LEVELS)('the launchers of a worker that runs agents at the level %s', (level) => {
  let root: string;
  let isolation: Isolation;
  beforeEach(async () => {
    // Where a home may be, which it may not below the devices.
    root = await realpath(await mkdtemp('/tmp/launchers-'));
    await chmod(root, 0o755);
    await mkdir(join(root, 'home', '.local', 'bin'), { recursive: true });
    await mkdir(join(root, 'worker'));
    isolation = await choose();
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const local = (...path: string[]): string => join(root, 'home', '.local', ...path);
  async function choose(more: Record<string, string> = {}): Promise<Isolation> {
    const address = { MIYABI_URL: 'http://127.0.0.1:1', MIYABI_KEY: 'none', NODE_ENV: 'test' };
    const own = { AGENT_ISOLATION: level, HOME: join(root, 'home'), PATH: `${local('bin')}:/usr/bin:/bin` };
    return (await chooseIsolation(loadRunnerSettings({ ...own, ...address, ...more }), join(root, 'worker'))).isolation;
  }
  const found = () => findClis(isolation, join(root, 'worker'));
  async function program(path: string, text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o755 });
  }

  it('are none where there are none', async () => {
    expect(await found()).toEqual([]);
  });

  it('are found where installers put them, behind their links', async () => {
    // As the installer of Claude Code: a directory of versions, and a link to one of them.
    await program(local('share', 'claude', 'versions', '2.1.0'), '#!/bin/sh\necho "2.1.0 (Claude Code)"\n');
    await symlink(local('share', 'claude', 'versions', '2.1.0'), local('bin', 'claude'));
    // As that of Cursor: a script which needs what lies beside it.
    await program(
      local('share', 'cursor-agent', 'versions', 'v', 'cursor-agent'),
      '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/index"\n',
    );
    await program(local('share', 'cursor-agent', 'versions', 'v', 'index'), '#!/bin/sh\necho 2026.11.26\n');
    await symlink('../share/cursor-agent/versions/v/cursor-agent', local('bin', 'cursor-agent'));
    // As pipx and uv: an environment, whose Python is a link to another one.
    await program(
      local('share', 'uv', 'python', 'cpython', 'bin', 'python3.12'),
      '#!/bin/sh\n. "$(dirname "$(readlink -f "$0")")/../lib/run"\n',
    );
    await program(local('share', 'uv', 'python', 'cpython', 'lib', 'run'), 'echo "aider 0.86.1"\n');
    const environment = local('share', 'pipx', 'venvs', 'aider');
    await program(join(environment, 'pyvenv.cfg'), '');
    await program(join(environment, 'bin', 'aider'), `#!${environment}/bin/python\n`);
    await symlink(local('share', 'uv', 'python', 'cpython', 'bin', 'python3.12'), join(environment, 'bin', 'python'));
    await symlink(join(environment, 'bin', 'aider'), local('bin', 'aider'));
    // As npm: a link into the libraries beside the directory.
    await program(local('lib', 'node_modules', '@google', 'gemini-cli', 'gemini.js'), '#!/bin/sh\necho 0.61.0\n');
    await symlink('../lib/node_modules/@google/gemini-cli/gemini.js', local('bin', 'gemini'));
    // Something of somebody's, beside it all.
    await program(local('share', 'keyrings', 'secret'), 'a secret');
    const versions = (await found()).map(({ name, version, runs }) => [name, version, runs]);
    expect(versions).toEqual([
      ['claude', '2.1.0', true],
      ['gemini', '0.61.0', true],
      ['aider', '0.86.1', true],
      ['cursor-agent', '2026.11.26', true],
    ]);
  });

  it('are those that can be started', async () => {
    await program(local('bin', 'codex'), '#!/nonexistent/node\n');
    await symlink(local('nowhere'), local('bin', 'claude'));
    await program(local('bin', 'qwen'), '#!/bin/sh\nexit 1\n');
    expect(await found()).toEqual([
      { name: 'codex', version: null, runs: false },
      { name: 'qwen', version: null, runs: true },
    ]);
    expect(await detectLaunchers(isolation, join(root, 'worker'), { qwen: 'team-a' })).toEqual([
      { name: 'qwen', version: null, signed_in: null, account: 'team-a' },
    ]);
  });

  it('count as signed out for a quarter of an hour once their accounts are refused again and again', async () => {
    await program(local('bin', 'gemini'), '#!/bin/sh\necho 0.61.0\n');
    await program(local('bin', 'qwen'), '#!/bin/sh\necho 1.0.0\n');
    let now = 0;
    const parts = { isolation, directory: join(root, 'worker'), accounts: {}, log: pino({ level: 'silent' }) };
    const list = new LauncherList(parts, () => now);
    await list.detect();
    list.wereTold(list.current);
    const accounts = new RefusedAccounts(list, true, () => now);
    const end = (program: string, failure_reason?: string): void =>
      accounts.count(program, { outcome: failure_reason === undefined ? 'completed' : 'failed', failure_reason });
    // What is not in a row, not within five minutes, of something else, or for another reason.
    for (const reason of ['auth', 'auth', undefined, 'auth', 'auth', 'agent_error']) end('gemini', reason);
    now = 5 * 60_000;
    for (const reason of ['auth', 'auth']) end('gemini', reason);
    for (const other of ['qwen', 'bash', 'bash', 'bash']) end(other, 'auth');
    expect(list.news).toBeNull();
    end('gemini', 'auth');
    const signedIn = (): unknown => list.current.map(({ name, signed_in }) => [name, signed_in]);
    expect([signedIn(), list.news]).toEqual([
      [
        ['gemini', false],
        ['qwen', null],
      ],
      list.current,
    ]);
    await list.lookSoon();
    now += 15 * 60_000 - 1;
    expect(signedIn()).toContainEqual(['gemini', false]);
    now += 1;
    expect(signedIn()).toContainEqual(['gemini', null]);
  });

  it('tell whether they are signed in, where they know', async () => {
    const detected = async (more: Record<string, string> = {}): Promise<unknown> =>
      (await detectLaunchers(await choose(more), join(root, 'worker'))).map(({ name, signed_in }) => [name, signed_in]);
    const claude = (version: string, status: string): Promise<void> =>
      program(
        local('bin', 'claude'),
        `#!/bin/sh\ncase $* in --version) echo ${version} ;; "auth status --json") printf '%s' '${status}' ;; esac\n`,
      );
    const codex =
      "#!/bin/sh\ncase $* in --version) echo 0.169.0 ;; 'login status') [ -e ~/.codex/auth.json ] || { echo 'Not logged in' >&2; exit 1; } ;; esac\n";
    await claude('2.1.197', '{\n  "loggedIn": true,\n  "authMethod": "api_key"\n}');
    await program(local('bin', 'codex'), codex);
    expect(await detected()).toEqual([
      ['claude', true],
      ['codex', false],
    ]);
    // The key is handed on under the name that Codex reads.
    expect(await detected({ OPENAI_API_KEY: 'sk-1' })).toEqual([
      ['claude', true],
      ['codex', true],
    ]);
    await program(join(root, 'home', '.codex', 'config.toml'), 'model_provider = "own"\n');
    await claude('2.2.0', '{ "loggedIn": false }');
    expect(await detected()).toEqual([
      ['claude', false],
      ['codex', null],
    ]);
    await program(join(root, 'home', '.codex', 'auth.json'), '{}');
    await claude('2.2.0', 'a word of another kind');
    expect(await detected()).toEqual([
      ['claude', null],
      ['codex', true],
    ]);
    await claude('2.1.196', '{ "loggedIn": true }');
    expect(await detected()).toEqual([
      ['claude', null],
      ['codex', true],
    ]);
  });

  it('show nothing but what they need', async () => {
    await program(local('claude-2.1.0'), '#!/bin/sh\necho 2.1.0\n');
    await symlink(local('claude-2.1.0'), local('bin', 'claude'));
    await program(local('share', 'keyrings', 'secret'), 'a secret');
    await isolation.lookAgain?.();
    const shown = await tryOut(isolation, join(root, 'worker'), ['sh', '-c', 'find "$HOME" -type f -o -type l']);
    const seen = [local('bin', 'claude'), local('claude-2.1.0')];
    const all = [...seen, local('share', 'keyrings', 'secret')];
    expect([...shown.lines].sort()).toEqual(level === 'none' ? all : seen);
  });

  it('see what has been installed since the worker began', async () => {
    await program(local('share', 'claude', 'versions', '2.1.0'), '#!/bin/sh\necho 2.1.0\n');
    await symlink(local('share', 'claude', 'versions', '2.1.0'), local('bin', 'claude'));
    expect(await found()).toMatchObject([{ name: 'claude', version: '2.1.0' }]);
  });
});

describe('the variables of agents', () => {
  it('have the key of OpenAI for Codex as well, unless that has its own or is signed in', async () => {
    const home = await mkdtemp('/tmp/codex-');
    try {
      const variables = { HOME: home, OPENAI_API_KEY: 'sk-1' };
      expect(agentVariables(variables)).toEqual({ ...variables, CODEX_API_KEY: 'sk-1' });
      expect(agentVariables({ ...variables, CODEX_API_KEY: 'sk-2' })['CODEX_API_KEY']).toBe('sk-2');
      expect(agentVariables({ HOME: home })).toEqual({ HOME: home });
      await mkdir(join(home, '.codex'));
      await writeFile(join(home, '.codex', 'auth.json'), '{}');
      expect(agentVariables(variables)).toEqual(variables);
    } finally {
      await rm(home, { recursive: true });
    }
  });
});
