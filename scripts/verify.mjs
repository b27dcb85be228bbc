// `npm run verify [-- suite]`: the proofs of what is promised, at full size, the lines of the benchmark that belong to
// them, and a table of their figures. The last line is the result. Without a suite it says which there are.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onParentEnd } from './parent.mjs';
import { root } from './root.mjs';

/** A short form of each of these files runs in `npm test`. */
const SUITES = {
  identity: [
    'test/identity-roles.e2e-spec.ts',
    'test/identity-forgeries.e2e-spec.ts',
    'test/identity-refresh.e2e-spec.ts',
    'test/identity-logout.e2e-spec.ts',
    'test/identity-secrets.e2e-spec.ts',
    'test/github-refusals.e2e-spec.ts',
    'test/organizations-races.e2e-spec.ts',
    'test/rate-limits.e2e-spec.ts',
  ],
  tasks: [
    'test/engine-kills.e2e-spec.ts',
    'test/engine-claims.e2e-spec.ts',
    'test/engine-fence.e2e-spec.ts',
    'test/engine-events.e2e-spec.ts',
    'test/queue-model.e2e-spec.ts',
    'test/executions-races.e2e-spec.ts',
    'test/dependency-races.e2e-spec.ts',
    'test/task-keys.e2e-spec.ts',
    'test/clocks.e2e-spec.ts',
    'test/runner-clocks.e2e-spec.ts',
    'test/outages.e2e-spec.ts',
    'test/database-loss.e2e-spec.ts',
    'test/exhaustion.e2e-spec.ts',
    'test/limits.e2e-spec.ts',
  ],
  git: [
    'test/git-history.e2e-spec.ts',
    'test/git-hostile.e2e-spec.ts',
    'test/gone-clients.e2e-spec.ts',
    'test/credential-secrecy.e2e-spec.ts',
    'test/deployment-tags.e2e-spec.ts',
    'test/worktree-hostile.e2e-spec.ts',
    'test/conflicts.e2e-spec.ts',
    'src/git/worktree-removals.service.spec.ts',
    'test/worktree-costs.e2e-spec.ts',
    'test/worktree-losses.e2e-spec.ts',
  ],
  fleet: [
    'test/clocks.e2e-spec.ts',
    'test/runner-clocks.e2e-spec.ts',
    'test/worker-news.e2e-spec.ts',
    'test/worker-controls.e2e-spec.ts',
    'test/worker-channel.e2e-spec.ts',
    'test/running-limits.e2e-spec.ts',
    'test/runner-controls.e2e-spec.ts',
    'test/runner-recovery.e2e-spec.ts',
    'test/fleet-pause.e2e-spec.ts',
    'test/coordinators.e2e-spec.ts',
    'test/coordinator-process.e2e-spec.ts',
    'test/conformance.e2e-spec.ts',
    'test/hostile-agents.e2e-spec.ts',
    'test/git-hostile.e2e-spec.ts',
    'test/agent-trees.e2e-spec.ts',
    'src/runner/agent-process.spec.ts',
    'test/loud-agents.e2e-spec.ts',
    'test/demo.e2e-spec.ts',
  ],
};

/** Lines of the benchmark that belong to a suite. */
const LINES = { fleet: ['F', 'F idle'] };

const NOTHING = '0 passed, 1 failed';
const RESULT = /^(\d+) passed, (\d+) failed$/;

const [name, ...more] = process.argv.slice(2);
const specs = Object.hasOwn(SUITES, name ?? '') ? SUITES[name] : null;
if (specs === null || more.length > 0) {
  console.log('Usage: npm run verify -- <suite>\n\nSuites:');
  for (const [suite, files] of Object.entries(SUITES)) console.log(`  ${suite.padEnd(10)} ${files.length} files`);
  process.exit(name === undefined ? 0 : 2);
}
// Jest would pass over a file that is not there.
const missing = specs.filter((spec) => !existsSync(join(root, spec)));
if (missing.length > 0) {
  console.error(`not there: ${missing.join(', ')}`);
  process.exit(2);
}

/** @type {import('node:child_process').ChildProcess | null} */
let running = null;
let isStopped = false;
// What runs ends first, and says how.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(signal));
onParentEnd(() => stop('SIGTERM'));

const directory = mkdtempSync(join(tmpdir(), 'miyabi-verify-'));
const figuresFile = join(directory, 'figures.jsonl');
const began = performance.now();
// One after the other: figures of time would tell of each other otherwise.
const tests = await run(['scripts/test.mjs', '--runInBand', '--runTestsByPath', ...specs]);
const figures = readFigures();
rmSync(directory, { recursive: true, force: true });
const lines = LINES[name] ?? [];
const bench = lines.length === 0 || isStopped ? null : await run(['bench/bench.mjs', ...lines, '--rounds', '2']);

printTable();
if (figures.length === 0) console.error('No figure was reported: nothing was proven.');
console.log(`\n${name}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
const isProven = figures.length > 0 && !isStopped;
console.log(isProven ? sumOf(tests.result, bench?.result) : NOTHING);
process.exit(isProven ? tests.code || bench?.code || 0 : 1);

function stop(signal) {
  isStopped = true;
  running?.kill(signal);
}

/**
 * A script to its end; its own last line is kept.
 * @param {string[]} script and its arguments
 * @returns {Promise<{ code: number, result: string }>}
 */
function run([script, ...args]) {
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    env: { ...process.env, VERIFY: 'full', VERIFY_FIGURES: figuresFile },
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  running = child;
  let result = NOTHING;
  let rest = '';
  const show = (line) => {
    if (RESULT.test(line)) result = line;
    else console.log(line);
  };
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    const said = (rest + chunk).split('\n');
    rest = said.pop() ?? '';
    said.forEach(show);
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, result: `${NOTHING} (${error.message})` }));
    child.once('close', (exitCode) => {
      if (rest !== '') show(rest);
      resolve({ code: exitCode ?? 1, result });
    });
  });
}

/** @param {(string | undefined)[]} results */
function sumOf(...results) {
  const counts = results.flatMap((result) =>
    result === undefined ? [] : [RESULT.exec(result)?.slice(1).map(Number) ?? [0, 1]],
  );
  const [passed, failed] = [0, 1].map((at) => counts.reduce((sum, count) => sum + count[at], 0));
  return `${passed} passed, ${failed} failed`;
}

/** @returns {{ promise: number | null, what: string, value: string }[]} by promise, else as they came */
function readFigures() {
  if (!existsSync(figuresFile)) return [];
  const lines = readFileSync(figuresFile, 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => JSON.parse(line))
    .sort((one, other) => (one.promise ?? Infinity) - (other.promise ?? Infinity) || 0);
}

function printTable() {
  const width = Math.max(...figures.map(({ what }) => what.length));
  if (figures.length > 0) console.log('');
  for (const { promise, what, value } of figures) {
    console.log(`${String(promise ?? '').padStart(3)}  ${what.padEnd(width)}  ${value}`);
  }
}
