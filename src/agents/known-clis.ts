import type { Launch } from './launch.js';

/** A command-line agent this server knows how to start without a conversation, and how to get it. */
export interface KnownCli {
  name: string;
  launch: Launch;
  install: string;
}

const plain = (...command: string[]): Launch => ({ command, mode: 'plain' });

/** Arguments as each CLI documents them for use by programs: one prompt, no questions, then the end. */
export const KNOWN_CLIS: readonly KnownCli[] = [
  {
    name: 'claude',
    launch: plain('claude', '--print', '--dangerously-skip-permissions', '{{prompt}}'),
    install: 'npm install -g @anthropic-ai/claude-code',
  },
  {
    name: 'codex',
    launch: plain('codex', 'exec', '--full-auto', '{{prompt}}'),
    install: 'npm install -g @openai/codex',
  },
  {
    name: 'gemini',
    launch: plain('gemini', '--yolo', '--prompt', '{{prompt}}'),
    install: 'npm install -g @google/gemini-cli',
  },
  { name: 'opencode', launch: plain('opencode', 'run', '{{prompt}}'), install: 'npm install -g opencode-ai' },
  {
    name: 'aider',
    launch: plain('aider', '--yes-always', '--no-check-update', '--message', '{{prompt}}'),
    install: 'python -m pip install aider-install && aider-install',
  },
  {
    name: 'cursor-agent',
    launch: plain('cursor-agent', '--print', '--force', '{{prompt}}'),
    install: 'the installer that Cursor offers for its CLI',
  },
  {
    name: 'qwen',
    launch: plain('qwen', '--yolo', '--prompt', '{{prompt}}'),
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
