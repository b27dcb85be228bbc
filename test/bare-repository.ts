import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const IDENTITY = {
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

/** Runs git for a test, free of the configuration of whoever runs the tests. */
export const gitIn = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...IDENTITY },
  }).trimEnd();

/** Commits files to a branch of a bare repository, which is made when it is not there. Answers the commit. */
export function commitTo(
  bare: string,
  files: Record<string, string>,
  branch = 'main',
  message = 'Initial commit',
): string {
  const work = mkdtempSync(join(tmpdir(), 'work-'));
  try {
    mkdirSync(bare, { recursive: true });
    gitIn(bare, 'init', '--quiet', '--bare', '--initial-branch=main');
    gitIn(work, 'init', '--quiet', '--initial-branch=main');
    if (gitIn(bare, 'for-each-ref') !== '') {
      gitIn(work, 'fetch', '--quiet', bare, '+refs/heads/*:refs/remotes/origin/*');
      const known = gitIn(bare, 'for-each-ref', `refs/heads/${branch}`) !== '';
      gitIn(work, 'checkout', '--quiet', '-B', branch, known ? `origin/${branch}` : 'origin/main');
    }
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(work, name)), { recursive: true });
      writeFileSync(join(work, name), text);
    }
    gitIn(work, 'add', '--all');
    gitIn(work, 'commit', '--quiet', '--message', message);
    gitIn(work, 'push', '--quiet', bare, `HEAD:refs/heads/${branch}`);
    return gitIn(work, 'rev-parse', 'HEAD');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
