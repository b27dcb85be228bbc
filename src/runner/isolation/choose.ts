import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { RunnerSettings } from '../../config/runner.config.js';
import { agentVariables } from '../agent-variables.js';
import { accountOf, isRoot, systemProgram, type Account } from './account.js';
import { IsolationUnavailable, type Isolation, type IsolationLevel } from './isolation.js';
import { Namespaces } from './namespace.js';
import { NoIsolation } from './no-isolation.js';
import { OtherAccount } from './other-account.js';
import { tryOut } from './try-out.js';
import { Wrapper } from './wrapper.js';

const PROBE_MS = 20_000;

/** A level, and why it cannot be had here. */
interface Refusal {
  readonly level: IsolationLevel;
  readonly because: string;
}

export interface Chosen {
  readonly isolation: Isolation;
  /** Better ones that were looked at first. */
  readonly refused: readonly Refusal[];
}

/**
 * The best isolation this machine and its configuration offer, each tried by really running something in it. What the
 * operator named (an account, a wrapper, a level) is used or the worker does not start: it is never replaced in silence.
 */
export async function chooseIsolation(settings: RunnerSettings, directory: string): Promise<Chosen> {
  const { agent_isolation: wanted, agent_user, agent_sandbox, allow_isolation_none } = settings.runner;
  const refused: Refusal[] = [];
  for (const level of levels(wanted, agent_user !== '', agent_sandbox.length > 0)) {
    if (level === 'none' && !allow_isolation_none) {
      refused.push({ level, because: 'ALLOW_ISOLATION_NONE is off: agents could read all that this account can read' });
      continue;
    }
    try {
      const isolation = await offered(level, settings, directory);
      await prove(isolation, directory);
      return { isolation, refused };
    } catch (error) {
      refused.push({ level, because: error instanceof Error ? error.message : String(error) });
    }
  }
  const reasons = refused.map(({ level, because }) => `  - ${level}: ${because}`);
  throw new IsolationUnavailable(['Agents cannot be run as configured:', ...reasons].join('\n'));
}

function levels(wanted: IsolationLevel | 'best', hasUser: boolean, hasSandbox: boolean): readonly IsolationLevel[] {
  if (wanted !== 'best') return [wanted];
  if (hasUser) return ['uid'];
  return hasSandbox ? ['wrapper'] : ['namespace', 'none'];
}

async function offered(level: IsolationLevel, settings: RunnerSettings, directory: string): Promise<Isolation> {
  const { runner, agentEnvironment } = settings;
  const environment = agentVariables(agentEnvironment);
  switch (level) {
    case 'uid':
      if (runner.agent_user === '') throw new IsolationUnavailable('AGENT_USER names no account');
      if (!isRoot()) throw new IsolationUnavailable('only a worker that is root can run agents as another account');
      return otherAccount(await accountOf(runner.agent_user), agentEnvironment);
    case 'namespace':
      if (process.platform !== 'linux') throw new IsolationUnavailable(`${process.platform} has no namespaces`);
      return Namespaces.on({
        directory,
        environment,
        readable: runner.agent_readable,
        writable: runner.agent_writable,
        hidden: runner.agent_hidden,
        homeFiles: runner.agent_home_files,
      });
    case 'wrapper': {
      const [file, ...rest] = runner.agent_sandbox;
      if (file === undefined) throw new IsolationUnavailable('AGENT_SANDBOX names no command');
      return new Wrapper([file, ...rest], runner.agent_sandbox_end, environment);
    }
    case 'none':
      return new NoIsolation(environment);
  }
}

const otherAccount = async (account: Account, environment: RunnerSettings['agentEnvironment']): Promise<OtherAccount> =>
  new OtherAccount(account, agentVariables(environment, account.home), await hasPidNamespaces());

async function hasPidNamespaces(): Promise<boolean> {
  const args = ['--mount', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc', '--', systemProgram('true')];
  return (
    (await execa(systemProgram('unshare'), args, { reject: false, stdin: 'ignore', timeout: PROBE_MS })).exitCode === 0
  );
}

/** An agent must be able to write to its checkout, and must not be able to read a file of the worker. */
async function prove(isolation: Isolation, workerDirectory: string): Promise<void> {
  if (isolation.level === 'none') return;
  const secret = randomUUID();
  let made = '';
  const { end, lines } = await tryOut(isolation, workerDirectory, ['sh', '-c', 'cat ../claim.json; echo made > made'], {
    before: ({ claim }) => writeFile(claim, secret, { mode: 0o600 }),
    after: async ({ checkout }) => {
      made = await readFile(join(checkout, 'made'), 'utf8').catch(() => '');
    },
  });
  if (lines.includes(secret)) throw new IsolationUnavailable("agents in it can read the worker's own files");
  if (end.exitCode !== 0 || made !== 'made\n')
    throw new IsolationUnavailable(`a command in it could not write to its checkout: ${lines.join(' ')}`);
}
