// Compiles the server when dist is not what the sources would give.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bundleCli, cliFile } from './bundle-cli.mjs';
import { withLock } from './lock.mjs';
import { dataDirectory, root } from './root.mjs';
import { runProgram } from './run-program.mjs';

const stampFile = join(root, 'dist', '.stamp');
const INPUTS = [
  'src',
  'migrations',
  'ormconfig.ts',
  'nest-cli.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/bundle-cli.mjs',
];

/** Run by Node itself: the link in node_modules/.bin does not start where scripts may not be executed. */
export const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');

/**
 * @param {AbortSignal} [signal] gives up
 * @returns {Promise<boolean>} whether it had to be built
 */
export async function ensureBuilt(signal) {
  if (isBuilt(fingerprintSources())) return false;
  return withLock(join(dataDirectory, 'build.lock'), async () => {
    const sources = fingerprintSources();
    if (isBuilt(sources)) return false;
    console.log(existsSync(stampFile) ? 'Building: the sources have changed.' : 'Building.');
    removeStamp();
    removeStaleOutput();
    const { fault } = await runProgram([process.execPath, nest, 'build'], { cwd: root, show: true, signal });
    if (fault !== null) throw new Error(`The build failed (${fault}); what it said is above.`);
    await bundleCli();
    writeStamp(sources);
    return true;
  });
}

/** @param {string} sources from `fingerprintSources`, taken before the compiler read them */
export function writeStamp(sources) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stampFile, sources);
}

export function removeStamp() {
  rmSync(stampFile, { force: true });
}

/** By content: a checkout of another branch and back changes the times of files, not what is in them. */
export function fingerprintSources() {
  return fingerprint(
    INPUTS.map((name) => join(root, name)),
    (file) => !file.endsWith('.spec.ts'),
  );
}

/**
 * @param {string[]} paths files or directories
 * @param {(file: string) => boolean} isWanted
 */
export function fingerprint(paths, isWanted) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(filesIn).filter(isWanted).sort()) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function isBuilt(sources) {
  const made = [stampFile, join(root, 'dist', 'src', 'main.js'), cliFile];
  if (!made.every((file) => existsSync(file))) return false;
  return readFileSync(stampFile, 'utf8') === sources;
}

/** The build never removes what it once wrote; a renamed migration would run under both names. */
function removeStaleOutput() {
  for (const folder of ['src', 'migrations']) {
    for (const file of filesIn(join(root, 'dist', folder))) {
      // Compiled, or copied as it is.
      const source = join(root, relative(join(root, 'dist'), file));
      if (![source, source.replace(/\.js(\.map)?$/, '.ts')].some((path) => existsSync(path))) rmSync(file);
    }
  }
}

/** @returns {string[]} */
export function filesIn(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesIn(join(path, name)));
}
