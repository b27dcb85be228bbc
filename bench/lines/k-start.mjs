import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/root.mjs';
import { descendantsOf } from '../../scripts/processes.mjs';
import { memoryOf } from '../cpu.mjs';

const REST_MS = 5000;

/** A checkout with its dependencies and its build, in which `npm run start:dev` has been run once. */
async function openCheckout() {
  const directory = join(mkdtempSync(join(tmpdir(), 'miyabi-bench-start-')), 'checkout');
  spawnSync('git', ['clone', '--quiet', '--shared', '--', root, directory]);
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  cpSync(join(root, 'dist'), join(directory, 'dist'), { recursive: true });
  await startOnce(directory);
  return { directory, end: () => rmSync(join(directory, '..'), { recursive: true, force: true }) };
}

/** Seconds until the server is ready, and what its process holds in MiB once it rests. */
async function startOnce(directory) {
  const began = performance.now();
  const child = spawn(process.execPath, ['scripts/start-dev.mjs'], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  try {
    while (!/http:\/\/\S+\/api\/v1/.test(output)) {
      if (child.exitCode !== null) throw new Error(`npm run start:dev ended:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const url = /http:\/\/\S+?\/api\/v1/.exec(output)[0];
    while (!(await isReady(url)));
    const seconds = (performance.now() - began) / 1000;
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const server = descendantsOf(child.pid).find(({ command }) => /dist\/src\/main\.js/.test(command));
    return { seconds, mebibytes: server ? memoryOf(server.pid) : Number.NaN };
  } finally {
    child.kill('SIGTERM');
    await exit;
  }
}

const isReady = (url) =>
  fetch(`${url}/health/ready`).then(
    ({ status }) => status === 200,
    () => false,
  );

const starting = (id, title, unit, of, at_most, pick) => ({
  id,
  title,
  unit,
  better: 'less',
  rounds: 3,
  promises: [{ of, at_most }],
  async prepare() {
    const { directory, end } = await openCheckout();
    return { sides: { [of]: async () => pick(await startOnce(directory)) }, end };
  },
});

export const lines = [
  starting('K', '`npm run start:dev` until ready', 's', 'start:dev', 8, ({ seconds }) => seconds),
  starting('K rest', 'the API process at rest', 'MiB', 'API process', 250, ({ mebibytes }) => mebibytes),
];
