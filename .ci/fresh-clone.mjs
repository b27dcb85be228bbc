// Clones HEAD into a path with spaces and lives through a stranger's first minutes there: as this account, and as root
// also as another one. Ends with `N passed, N failed`.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../scripts/ports.mjs';
import { canReach, readAccounts } from '../scripts/postgres/account.mjs';
import { CACHE, System } from './system.mjs';
import { Tour } from './tour.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const READY_WITHIN_SECONDS = 8;

let passed = 0;
let failed = 0;
/** @type {System | null} what to end when we are interrupted */
let running = null;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    running?.kill();
    process.exit(130);
  });
}

for (const account of accounts()) await firstMinutes(account);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

/** null = this account */
function accounts() {
  if (process.getuid?.() !== 0) {
    console.log(`Only as "${userInfo().username}": it takes root to start it as another account as well.`);
    return [null];
  }
  const other = readAccounts().find(({ name }) => name === 'nobody');
  if (other && canReach(other, dirname(process.execPath))) return [null, other];
  console.log('Only as root: there is no account "nobody" here, or it cannot run this Node.js.');
  return [null];
}

async function firstMinutes(account) {
  const who = account?.name ?? userInfo().username;
  const base = mkdtempSync(join(tmpdir(), 'miyabi fresh clone '));
  const home = join(base, 'home');
  const system = new System({ account, clone: join(base, 'the clone'), home, port: await freePort() });
  const tour = new Tour(system.url);
  const fact = (name, check) => state(`${name}, as ${who}`, check);
  running = system;
  try {
    prepare(base, account);
    const started = await fact('starts with one command from a fresh clone', async () => {
      return `${seconds(await system.start())} with installation and build`;
    });
    if (!started) return;
    await fact('does the tour of the README', () => tour.take(join(base, 'an example')));
    await fact('has nothing to complain of in npm run doctor', () => system.doctor());
    await fact('leaves nothing behind after SIGTERM to npm', async () => {
      await tour.leaveRunning();
      await system.stop();
      await system.assertGone();
    });
    await fact(`is ready within ${READY_WITHIN_SECONDS} s the next time`, async () => {
      const took = await system.start();
      if (took > READY_WITHIN_SECONDS) throw new Error(`it took ${seconds(took)}`);
      return seconds(took);
    });
    await fact('starts after kill -9 of everything, with its data', async () => {
      system.kill();
      const took = await system.start();
      await tour.findAgain();
      return seconds(took);
    });
    await fact('leaves its workers alone that were told to end', async () => {
      await tour.drainWorkers();
      await system.assertWorkersRest();
    });
    await fact('leaves nothing behind after that either', async () => {
      await system.stop();
      await system.assertGone();
    });
  } finally {
    system.kill();
    running = null;
    rmSync(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** The clone, a repository for the tour and a home, all of them the account's. */
function prepare(base, account) {
  chmodSync(base, 0o755);
  const home = join(base, 'home');
  mkdirSync(home);
  git('clone', '--quiet', root, join(base, 'the clone'));
  const example = join(base, 'an example');
  git('init', '--quiet', '--initial-branch=main', example);
  const identity = ['-c', 'user.name=Stranger', '-c', 'user.email=stranger@example.com'];
  git('-C', example, ...identity, 'commit', '--quiet', '--allow-empty', '-m', 'feat: begin');
  if (!account) return;
  // What is already downloaded, to a place this account may write: a cache can have one owner only.
  const downloaded = join(CACHE, '_cacache');
  if (existsSync(downloaded)) cpSync(downloaded, join(home, '.npm', '_cacache'), { recursive: true });
  give(base, account);
}

function git(...args) {
  execFileSync('git', args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** @param {string} path */
function give(path, account) {
  lchownSync(path, account.uid, account.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) give(join(path, name), account);
}

/**
 * @param {string} name
 * @param {() => Promise<string | void> | string | void} check throws when it is not so; may return a figure
 * @returns {Promise<boolean>}
 */
async function state(name, check) {
  const began = Date.now();
  try {
    const figure = await check();
    passed += 1;
    console.log(`ok    ${name} (${figure ?? seconds((Date.now() - began) / 1000)})`);
    return true;
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}${error.stdout ? `\n${error.stdout}` : ''}`);
    return false;
  }
}

/** @param {number} value */
function seconds(value) {
  return `${value.toFixed(1)} s`;
}
