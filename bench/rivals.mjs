// What the benchmark needs and the product does not: the other side, and a Node that is new enough to run it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { npmCommand, runProgram } from '../scripts/run-program.mjs';
import { root } from '../scripts/root.mjs';

const directory = join(root, 'bench', 'rivals');
const lock = join(directory, 'package-lock.json');
const stamp = join(directory, 'node_modules', '.miyabi-lock');
/** What graphile-worker and pg-boss ask for. */
const LEAST_NODE = [22, 18];

/** Installs them from their own lock file where they are missing or others. */
export async function ensureRivals(signal) {
  const wanted = readFileSync(lock, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('Installing the other side of the comparison from bench/rivals/package-lock.json (about 300 MB).');
  const { fault, output } = await runProgram([...npmCommand(), 'ci', '--include=optional'], { cwd: directory, signal });
  if (fault !== null) throw new Error(`npm ci failed in bench/rivals (${fault}):\n${output.trim()}`);
  writeFileSync(stamp, wanted);
}

/** The Node that runs every side, ours too, so that none has a better one. */
export function nodeForAll() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return process.execPath;
  const require = createRequire(join(directory, 'package.json'));
  try {
    const name = `node-${process.platform}-${process.arch}`;
    return join(require.resolve(`${name}/package.json`), '..', 'bin', 'node');
  } catch {
    throw new Error(`The rivals need Node ${LEAST_NODE.join('.')} or newer. Run npm run bench with one.`);
  }
}

/** Versions of what is compared. */
export function rivalVersions() {
  const { packages } = JSON.parse(readFileSync(lock, 'utf8'));
  const of = (name) => packages[`node_modules/${name}`].version;
  return Object.fromEntries(['graphile-worker', 'pg-boss', 'express', 'pg'].map((name) => [name, of(name)]));
}
