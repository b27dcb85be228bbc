// What the processes of development are started with. What the user set wins, then `.env`, then our defaults.
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join, sep } from 'node:path';
import { readEnvironmentFile } from '../environment-file.mjs';
import { dataDirectory, root } from '../root.mjs';
import { ensureSecrets } from '../secrets.mjs';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
// The server's own; workers, which start agents, have no use for them.
const SERVER_ONLY = [
  'DATABASE_URL',
  'JWT_SECRET',
  'WORKER_REGISTRATION_KEY',
  'GITHUB_CLIENT_SECRET',
  'TOKEN_ENCRYPTION_KEYS',
  'DEVELOPMENT_REPOSITORY',
  'GIT_ROOT',
];

/** Of the coordinator, with its workers below. */
export const fleetDirectory = join(dataDirectory, 'coordinator');

/** @typedef {{ given: NodeJS.ProcessEnv, host: string, loopback: boolean, mockLogin: boolean }} Settings */

/** @returns {Settings} */
export function readSettings() {
  const own = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  const given = {
    ...readEnvironmentFile(join(root, '.env')),
    ...own,
    PATH: withoutOwnPrograms(process.env.PATH ?? ''),
  };
  if (given.NODE_ENV && given.NODE_ENV !== 'development') {
    console.log(`NODE_ENV=${given.NODE_ENV} is not used here: this is development. For production: npm run start:prod`);
  }
  const host = given.HOST ?? '127.0.0.1';
  const loopback = LOOPBACK.includes(host);
  return { given, host, loopback, mockLogin: (given.MOCK_LOGIN ?? (loopback ? 'on' : 'off')) === 'on' };
}

/**
 * @param {Settings} settings
 * @param {{ port: number, databaseUrl: string }} chosen
 * @returns {NodeJS.ProcessEnv}
 */
export function serverEnvironment({ given, host, mockLogin }, { port, databaseUrl }) {
  return {
    ...ensureSecrets(join(dataDirectory, 'secrets.json')),
    GIT_ROOT: join(dataDirectory, 'git'),
    DEVELOPMENT_REPOSITORY: ownRepository(),
    LOCAL_REPOSITORY_ROOTS: dirname(root),
    ...given,
    NODE_ENV: 'development',
    HOST: host,
    PORT: String(port),
    MOCK_LOGIN: mockLogin ? 'on' : (given.MOCK_LOGIN ?? 'off'),
    DATABASE_URL: databaseUrl,
  };
}

/**
 * @param {Settings} settings
 * @param {{ url: string, key: string }} chosen
 * @returns {NodeJS.ProcessEnv}
 */
export function fleetEnvironment({ given }, { url, key }) {
  const passed = Object.fromEntries(Object.entries(given).filter(([name]) => !SERVER_ONLY.includes(name)));
  return {
    MIYABI_COORDINATOR_NAME: 'local',
    MIYABI_COORDINATOR_WORKERS: '1',
    MIYABI_COORDINATOR_DIR: fleetDirectory,
    AGENT_HIDDEN: dataDirectory,
    // Whoever ends all of it does not wait for agents.
    MIYABI_DRAIN_SECONDS: '0',
    ...passed,
    NODE_ENV: 'development',
    MIYABI_URL: url,
    MIYABI_KEY: key,
    MIYABI_WORKER_SCOPE: 'instance',
  };
}

/** This checkout, when it is a Git repository with something in it. */
function ownRepository() {
  // Whoever starts this from a hook of Git has its variables, which name another repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  const asked = spawnSync('git', ['-C', root, 'rev-parse', '--verify', '--quiet', 'HEAD'], { encoding: 'utf8', env });
  if (asked.status === 0) return root;
  const reason = asked.stderr.trim();
  if (reason !== '') console.log(`This directory is not registered as a repository: ${reason.split('\n')[0]}`);
  return '';
}

/** npm puts our node_modules/.bin in front of the PATH; an agent at work on another project must not find those. */
function withoutOwnPrograms(path) {
  const ours = [`${sep}node_modules${sep}.bin`, `${sep}node-gyp-bin`];
  return path
    .split(delimiter)
    .filter((entry) => !ours.some((end) => entry.endsWith(end)))
    .join(delimiter);
}
