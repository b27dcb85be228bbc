import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunnerSettings } from '../../config/runner.config.js';
import { chooseIsolation } from '../../runner/isolation/choose.js';
import { IsolationUnavailable, type Isolation } from '../../runner/isolation/isolation.js';
import { findOnPath } from '../../runner/isolation/program-places.js';
import { findClis, launchersFrom, type FoundCli } from '../../runner/launchers.js';
import { fault, note, ok, type Finding } from './doctor-findings.js';

/** How each agent is installed; each is signed in by its user. */
const AGENTS: Readonly<Record<string, string>> = {
  claude: 'npm install -g @anthropic-ai/claude-code',
  codex: 'npm install -g @openai/codex',
  gemini: 'npm install -g @google/gemini-cli',
  opencode: 'npm install -g opencode-ai',
  aider: 'python -m pip install aider-install && aider-install',
  'cursor-agent': 'https://cursor.com/cli',
  qwen: 'npm install -g @qwen-code/qwen-code',
};

/** What a worker would be started with; `there` is the part of its directory that can be written, if any. */
type Worker = { readonly settings: RunnerSettings; readonly there: string | null } | { readonly fault: string };

/** The level a worker would run agents in, and the agents that can be started in it. */
export async function agentFindings(worker: Worker, path: string): Promise<Finding[]> {
  if ('fault' in worker) {
    const hint = 'A worker does not start like this: docs/configuration.md has every variable.';
    return [...(await installed(path)), fault('settings of a worker', worker.fault.replaceAll('\n', ' '), hint)];
  }
  const { settings, there } = worker;
  if (there === null)
    return [...(await installed(path)), note('isolation', 'not tried', 'The worker directory cannot be written.')];
  // Where the worker would be: what is hidden from agents depends on the place.
  const directory = await mkdtemp(join(there, '.miyabi-doctor-'));
  try {
    const { isolation, refused } = await chooseIsolation(settings, directory);
    const agents = await startable(isolation, directory, path);
    if (isolation.level !== 'none')
      return [...agents, ok('isolation', `${isolation.level}: agents cannot read what the worker can`)];
    const reasons = refused.map(({ level, because }) => `${level}: ${because}`).join('; ');
    const hint = `Better ones cannot be had (${reasons}).`;
    return [...agents, note('isolation', 'none: agents can read what this account can read', hint)];
  } catch (error) {
    if (!(error instanceof IsolationUnavailable)) throw error;
    const hint =
      'A worker does not start like this: mend one of these, or set ALLOW_ISOLATION_NONE=on if agents may read all that this account can.';
    return [...(await installed(path)), fault('isolation', error.message.replaceAll('\n', ' '), hint)];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Agents on the PATH, where none can be started to see how it does. */
async function installed(path: string): Promise<Finding[]> {
  const files = await Promise.all(
    Object.keys(AGENTS).map(async (name) => [name, await findOnPath(name, path)] as const),
  );
  return orNone(files.flatMap(([name, file]) => (file === null ? [] : [ok(`agent ${name}`, file)])));
}

/** Agents as they do where agents run, and what keeps those from it that are only outside. */
async function startable(isolation: Isolation, directory: string, path: string): Promise<Finding[]> {
  const found = await findClis(isolation, directory);
  const launchers = await launchersFrom(isolation, directory, found);
  const findings: Finding[] = [];
  for (const name of Object.keys(AGENTS)) {
    const launcher = launchers.find((one) => one.name === name);
    const file = await findOnPath(name, path);
    if (launcher === undefined && file !== null) findings.push(await unseen(name, file, isolation, found));
    if (launcher === undefined) continue;
    const version = launcher.version ?? 'its version is not known';
    findings.push(
      launcher.signed_in === false
        ? note(
            `agent ${name}`,
            `${version}, not signed in: it gets no tasks`,
            'Sign it in as the account of the worker.',
          )
        : ok(`agent ${name}`, version),
    );
  }
  return orNone(findings);
}

async function unseen(name: string, file: string, { level }: Isolation, found: readonly FoundCli[]): Promise<Finding> {
  const target = await realpath(file).catch(() => file);
  const leads = target === file ? file : `${file}, which leads to ${target},`;
  const what = found.some((one) => one.name === name) ? 'lacks something it is written for' : 'is not there';
  const hint =
    level === 'namespace'
      ? 'Name the directory of what it needs in AGENT_READABLE, or install it below /usr/local or /opt.'
      : 'Install it where agents run.';
  return note(`agent ${name}`, `${leads} ${what} where agents run (${level}): it gets no tasks`, hint);
}

function orNone(findings: readonly Finding[]): Finding[] {
  if (findings.length > 0) return [...findings];
  const none = 'none found on the PATH: only the built-in note and script run here';
  const each = Object.entries(AGENTS).map(([name, how]) => note(`agent ${name}`, 'not found', how));
  return [note('agents', none, 'Install at least one.'), ...each];
}
