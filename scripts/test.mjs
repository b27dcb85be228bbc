// `npm test [jest arguments]`: everything a test run needs, made and taken away again. The last line is the result.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { onParentEnd } from './parent.mjs';
import { startThrowaway } from './postgres/throwaway.mjs';
import { endProcess, processesIn, processesTagged, sendSignal } from './processes.mjs';
import { root } from './root.mjs';

const run = randomBytes(6).toString('hex');
const template = `template_${run}`;
// Every process that a test starts inherits this, and is found by it however far it has run from its parent.
const tag = { MIYABI_TEST_RUN: run };

/** @type {(() => Promise<void> | void)[]} */
const cleanUps = [];
let interrupted = 0;
const stopping = new AbortController();
/** @type {import('node:child_process').ChildProcess | null} */
let jest = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
onParentEnd(() => interrupt('SIGTERM'));

const result = await main().catch((error) => {
  console.error(`\n${error.message}`);
  return { passed: 0, failed: 1 };
});
while (cleanUps.length > 0) await cleanUps.pop()();
console.log(`${result.passed} passed, ${result.failed} failed`);
process.exit(interrupted || (result.failed > 0 || result.passed === 0 ? 1 : 0));

async function main() {
  await ensureInstalled(stopping.signal);
  await ensureBuilt(stopping.signal);
  stopping.signal.throwIfAborted();

  const server = await startThrowaway();
  cleanUps.push(() => server.stop());
  const log = join(server.directory, 'postgres', 'server.log');
  const database = { TEST_DATABASE_URL: server.url, TEST_TEMPLATE: template, TEST_DATABASE_LOG: log };
  const env = { ...process.env, ...tag, ...database };
  migrateTemplate(env);

  // Tests put their files below it, so none stays behind.
  const temporary = join(server.directory, 'files');
  mkdirSync(temporary);
  const report = join(temporary, 'result.json');

  cleanUps.push(() => endLeftOver(temporary));
  stopping.signal.throwIfAborted();
  const how = await runJest({ ...env, TMPDIR: temporary }, report);
  stopping.signal.throwIfAborted();
  if (!existsSync(report)) throw new Error(`Jest ended without a result (${how}).`);
  return count(JSON.parse(readFileSync(report, 'utf8')));
}

function migrateTemplate(env) {
  const script = join(root, 'scripts', 'postgres', 'template.mjs');
  const made = spawnSync(process.execPath, ['--enable-source-maps', script], { cwd: root, env, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`The migrations failed:\n${made.stderr}${made.stdout}`);
}

/** @returns {Promise<string>} how it ended */
function runJest(env, report) {
  const bin = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const cache = join(root, 'node_modules', '.cache', 'jest');
  const preload = new URL('./end-with-parent.mjs', import.meta.url).href;
  const own = ['--json', `--outputFile=${report}`, `--cacheDirectory=${cache}`];
  jest = spawn(
    process.execPath,
    ['--import', preload, '--experimental-vm-modules', '--no-warnings', bin, ...own, ...process.argv.slice(2)],
    // Its own session: on Ctrl-C it is ended together with what its tests started, and its last words are not ours.
    { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true },
  );
  return new Promise((resolve) => {
    jest.once('error', (error) => resolve(error.message));
    jest.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** A file that could not run at all has no tests to count, and is a failure all the same. */
function count({ numPassedTests, numFailedTests, numRuntimeErrorTestSuites }) {
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
}

async function endLeftOver(temporary) {
  // Servers of the tests run with a clean environment, but in a directory of theirs.
  const left = [...processesTagged(`MIYABI_TEST_RUN=${run}`), ...processesIn(temporary)];
  for (const { pid, command } of left) {
    if (!interrupted) console.log(`Left by a test, ended: process ${pid} (${command})`);
    await endProcess(pid, { signals: ['SIGKILL'] });
  }
}

function interrupt(signal) {
  const number = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal];
  interrupted = 128 + number;
  stopping.abort(new Error('Interrupted.'));
  // Workers notice the end of their parent; what they started is found by its tag.
  if (jest?.pid) sendSignal(jest.pid, 'SIGKILL');
}
