import type { Launch } from './launch.js';

/** A command-line agent this server knows how to start without a conversation, and how to get it. */
export interface KnownCli {
  name: string;
  launch: Launch;
  install: string;
}

const plain = (...command: string[]): Launch => ({ command, mode: 'plain' });

/** A CLI that tells its events; `resume` goes between its arguments and the prompt. */
const events = (command: readonly string[], prompt: readonly string[], resume?: readonly string[]): Launch => ({
  command: [...command, ...prompt],
  ...(resume && { resume: [...command, ...resume, ...prompt] }),
  mode: 'stream-json',
});

const MODEL = '--model={{model}}';
const SESSION = '{{previous.session_id}}';

/**
 * Arguments as each CLI documents them for use by programs: one prompt, no questions, then the end. What they may do is
 * bounded by the worker's isolation, not by questions that nobody answers. Gemini, Qwen and opencode keep sessions by
 * directory, and each execution has a checkout of its own, so that theirs cannot be gone on with.
 */
export const KNOWN_CLIS: readonly KnownCli[] = [
  {
    name: 'claude',
    launch: events(
      ['claude', '--print', '--output-format', 'stream-json', '--verbose', '--dangerously-skip-permissions', MODEL],
      ['{{prompt}}'],
      ['--resume', SESSION],
    ),
    install: 'npm install -g @anthropic-ai/claude-code',
  },
  {
    name: 'codex',
    launch: events(
      ['codex', 'exec', '--json', '--dangerously-bypass-approvals-and-sandbox', '--skip-git-repo-check', MODEL],
      ['{{prompt}}'],
      ['resume', SESSION],
    ),
    install: 'npm install -g @openai/codex',
  },
  {
    name: 'gemini',
    launch: events(
      ['gemini', '--skip-trust', '--yolo', '--output-format', 'stream-json', MODEL],
      ['--prompt', '{{prompt}}'],
    ),
    install: 'npm install -g @google/gemini-cli',
  },
  {
    name: 'opencode',
    launch: events(['opencode', 'run', '--format', 'json', '--auto', MODEL], ['{{prompt}}']),
    install: 'npm install -g opencode-ai',
  },
  {
    name: 'aider',
    launch: plain('aider', '--yes-always', '--no-check-update', MODEL, '--message', '{{prompt}}'),
    install: 'python -m pip install aider-install && aider-install',
  },
  {
    name: 'cursor-agent',
    launch: events(
      ['cursor-agent', '--print', '--force', '--output-format', 'stream-json', MODEL],
      ['{{prompt}}'],
      [`--resume=${SESSION}`],
    ),
    install: 'the installer that Cursor offers for its CLI',
  },
  {
    name: 'qwen',
    launch: events(['qwen', '--yolo', '--output-format', 'stream-json', MODEL], ['{{prompt}}']),
    install: 'npm install -g @qwen-code/qwen-code',
  },
];

/** How to start a CLI by its name; one that is not known gets the prompt as its only argument. */
export const launchOf = (name: string): Launch =>
  KNOWN_CLIS.find((cli) => cli.name === name)?.launch ?? plain(name, '{{prompt}}');

/** What to do about a CLI that nobody has. */
export function installHint(name: string): string {
  const known = KNOWN_CLIS.find((cli) => cli.name === name);
  return known ? `Install it on a worker: ${known.install}` : `Put ${name} on the PATH of a worker.`;
}

/** The known CLI that a command starts, by itself or within another program; null when it is none. */
export function cliIn(command: readonly string[]): string | null {
  const names = command.map((item) => item.slice(item.lastIndexOf('/') + 1));
  return names.find((name) => KNOWN_CLIS.some((cli) => cli.name === name)) ?? null;
}

/** CLIs whose events a runner of this version reads. */
export const tellsEvents = (name: string): boolean =>
  KNOWN_CLIS.some((cli) => cli.name === name && cli.launch.mode === 'stream-json');
