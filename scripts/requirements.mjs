// What this machine must have, with what to do about each thing it lacks.
import { spawnSync } from 'node:child_process';

const NODE = [20, 19];
const NPM = [10, 0];
const GIT = [2, 31];

/** @typedef {{ name: string, found: string | null, fault: string | null }} Requirement fault = what to do */

/** @returns {Requirement} */
export function checkNode() {
  const found = process.versions.node;
  const fault = isAtLeast(found, NODE) ? null : `Install Node.js ${NODE.join('.')} or newer: https://nodejs.org`;
  return { name: 'Node.js', found, fault };
}

/** @returns {Requirement} */
export function checkGit() {
  const found = /\d+\.\d+(\.\d+)?/.exec(versionOf('git') ?? '')?.[0] ?? null;
  const how = process.platform === 'darwin' ? 'xcode-select --install' : "apt-get install git (or your system's way)";
  const fault = found && isAtLeast(found, GIT) ? null : `Install git ${GIT.join('.')} or newer: ${how}`;
  return { name: 'git', found, fault };
}

/** @returns {Requirement} */
export function checkNpm() {
  const found = versionOf('npm');
  const fault = found && isAtLeast(found, NPM) ? null : `Install npm ${NPM.join('.')} or newer: npm install -g npm`;
  return { name: 'npm', found, fault };
}

/** Throws with everything that is missing. */
export function requireTools() {
  const faults = [checkNode(), checkGit()].filter(({ fault }) => fault !== null);
  if (faults.length === 0) return;
  const lines = faults.map(
    ({ name, found, fault }) => `  ${name}: ${found ? `${found} is too old` : 'not found'}. ${fault}`,
  );
  throw new Error(`Something is missing here:\n${lines.join('\n')}`);
}

/**
 * First line of `<program> --version`; null when it is not there or does not answer.
 * @param {string} program
 * @param {string} [path] where to look, when not on our own PATH
 */
export function versionOf(program, path = process.env.PATH) {
  const ran = spawnSync(program, ['--version'], {
    encoding: 'utf8',
    timeout: 10_000,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return ran.status === 0 ? (ran.stdout.trim().split('\n')[0] ?? '') : null;
}

function isAtLeast(version, [major, minor]) {
  const [ownMajor, ownMinor] = version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
