import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What git runs with in tests: nothing of the account's own configuration. */
export const GIT_ENVIRONMENT = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada Lovelace',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada Lovelace',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

/** A directory that is gone after the test, with its links resolved. */
export class Scratch {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'miyabi git ')));

  directory(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A work tree on branch `main` with one commit for each message. */
  repository(name: string, messages: readonly string[] = ['feat: first']): string {
    const path = this.directory(name);
    git(path, 'init', '-q', '-b', 'main');
    for (const message of messages) commit(path, message);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Of lists of a hundred thousand commits, too. */
const MOST_OUTPUT = 64 * 1024 * 1024;

/** Output of a git command, trimmed. Throws when it fails. */
export const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: MOST_OUTPUT })
    .toString('utf8')
    .trim();

/** Adds an empty commit and gives its id; `at` is in seconds since 1970. */
export function commit(cwd: string, message: string, at?: number): string {
  const date =
    at === undefined ? {} : { GIT_AUTHOR_DATE: `@${String(at)} +0000`, GIT_COMMITTER_DATE: `@${String(at)} +0000` };
  execFileSync('git', ['commit', '-q', '--allow-empty', '--cleanup=verbatim', '-F', '-'], {
    cwd,
    env: { ...GIT_ENVIRONMENT, ...date },
    input: message,
  });
  return git(cwd, 'rev-parse', 'HEAD');
}
