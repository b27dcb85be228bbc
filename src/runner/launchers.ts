import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import type { Launcher } from './protocol.js';

/** Command-line agents the catalogue knows how to launch. */
const KNOWN = ['claude', 'codex', 'gemini', 'opencode', 'aider', 'cursor-agent', 'qwen'];

/** Those found on the agents' PATH. Whether one is signed in cannot be told without using it, so that stays null. */
export async function detectLaunchers(
  environment: Readonly<Record<string, string>>,
  accounts: Readonly<Record<string, string>> = {},
): Promise<Launcher[]> {
  const found = await Promise.all(KNOWN.map((name) => detect(name, environment)));
  return found
    .filter((launcher) => launcher !== null)
    .map((launcher) => {
      const account = Object.hasOwn(accounts, launcher.name) ? accounts[launcher.name] : undefined;
      return account === undefined ? launcher : { ...launcher, account };
    });
}

async function detect(name: string, environment: Readonly<Record<string, string>>): Promise<Launcher | null> {
  const file = await findOnPath(name, environment['PATH'] ?? '');
  if (file === null) return null;
  const options = { env: environment, extendEnv: false, reject: false, timeout: 5000, stdin: 'ignore' } as const;
  const { stdout } = await execa(file, ['--version'], options);
  return { name, version: /\d+(?:\.\d+)+[\w.+-]*/.exec(stdout)?.[0]?.slice(0, 64) ?? null, signed_in: null };
}

async function findOnPath(name: string, path: string): Promise<string | null> {
  for (const directory of path.split(delimiter).filter((part) => part !== '')) {
    const file = join(directory, name);
    const runnable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return file;
  }
  return null;
}
