// The repository the day is about, made for it: a small project with a history of its own.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = [
  ['README.md', '# A small shop\n\nWhat a fleet of agents builds in a day.\n', 'docs: say what this is'],
  ['shop.txt', 'articles\nbasket\n', 'feat: articles and a basket'],
  ['till.txt', 'sum\nreceipt\n', 'feat: a till that gives receipts'],
];

/** @param {string} path where it is to be */
export function makeRepository(path) {
  mkdirSync(path, { recursive: true });
  const git = (...args) => execFileSync('git', args, { cwd: path, env: ENVIRONMENT });
  git('init', '--quiet', '--initial-branch=main');
  for (const [name, text, message] of FILES) {
    writeFileSync(join(path, name), text);
    git('add', '--', name);
    git('commit', '--quiet', '-m', message);
  }
}

/** Nobody's settings but these. */
const ENVIRONMENT = {
  PATH: process.env.PATH,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};
