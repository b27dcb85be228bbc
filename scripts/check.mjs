// `npm run check`: everything that can be said about the code without running its tests. The last line is the result.
import { join } from 'node:path';
import { ensureBuilt } from './build.mjs';
import { runChecks } from './checks/run-checks.mjs';
import { ensureInstalled } from './install.mjs';
import { root } from './root.mjs';

const AT_ONCE = 2;

/** Nobody is asked, told or counted over the network. */
const QUIET = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NO_UPDATE_NOTIFIER: '1' };

const inModules = (...path) => join('node_modules', ...path);
const node = (script, ...args) => [process.execPath, script, ...args];

/** Of sources as they are. The longest first. */
const SOURCE_CHECKS = [
  { name: 'lint', command: node(inModules('eslint', 'bin', 'eslint.js'), '--max-warnings=0', '.') },
  {
    name: 'formatting',
    command: node(inModules('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level=warn', '.'),
  },
  {
    name: 'types, tests included',
    // Not incremental: its notes would be taken by the build for its own.
    command: node(inModules('typescript', 'bin', 'tsc'), '--noEmit', '--incremental', 'false', '-p', 'tsconfig.json'),
  },
  {
    name: 'layers',
    command: node(
      inModules('dependency-cruiser', 'bin', 'dependency-cruise.mjs'),
      ...['--config', '.dependency-cruiser.mjs'],
      ...['src', 'migrations', 'test', 'scripts', 'ormconfig.ts'],
    ),
  },
  {
    name: 'contract: our rules',
    command: node(
      inModules('@stoplight', 'spectral-cli', 'dist', 'index.js'),
      ...['lint', 'openapi.json', '--fail-severity', 'hint', '--quiet'],
    ),
  },
  { name: 'contract: redocly', command: node(inModules('@redocly', 'cli', 'bin', 'cli.js'), 'lint', 'openapi.json') },
  { name: 'contract: refusal codes', command: node(join('scripts', 'checks', 'problem-codes.mjs')) },
  { name: 'names', command: node(join('scripts', 'checks', 'names.mjs')) },
  { name: 'lock file and licences', command: node(join('scripts', 'checks', 'lock-file.mjs')) },
];

/** Of what the build makes of them. */
const BUILD_CHECKS = [
  { name: 'generated files are current', command: node(join('scripts', 'generate.mjs'), '--check') },
  // TypeORM compares tables side by side on one connection, which pg announces it will stop allowing.
  {
    name: 'migrations',
    command: node('--disable-warning=DeprecationWarning', join('scripts', 'checks', 'migrations.mjs')),
  },
];

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopping.abort());

const began = performance.now();
const total = { passed: 0, failed: 0 };
try {
  await ensureInstalled(stopping.signal);
  const built = await ensureBuilt(stopping.signal).then(
    () => true,
    (error) => console.log(`FAIL build\n     ${error.message}`),
  );
  const checks = built ? [...BUILD_CHECKS, ...SOURCE_CHECKS] : SOURCE_CHECKS;
  const { passed, failed } = await runChecks(checks, {
    cwd: root,
    env: { ...process.env, ...QUIET },
    atOnce: AT_ONCE,
    signal: stopping.signal,
  });
  total.passed = passed + (built ? 1 : 0);
  total.failed = failed + (built ? 0 : 1 + BUILD_CHECKS.length);
} catch (error) {
  console.error(error.message);
  total.failed += 1;
}
console.log(`all checks: ${((performance.now() - began) / 1000).toFixed(1)} s`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
