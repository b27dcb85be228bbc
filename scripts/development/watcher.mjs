// Compiles after every change of a source file and says which of our processes the result concerns.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { bundleCli } from '../bundle-cli.mjs';
import { fingerprint, fingerprintSources, nest, removeStamp, writeStamp } from '../build.mjs';
import { endProcess } from '../processes.mjs';
import { root } from '../root.mjs';

const preload = new URL('../end-with-parent.mjs', import.meta.url).href;
const dist = join(root, 'dist');
const FLEET_PARTS = ['src/runner', 'src/client'].map((part) => join(dist, part));
/** Runs in nobody's process: it is only fetched. */
const CLI = join(dist, 'src', 'cli');

/**
 * @param {{ record: import('./run-record.mjs').RunRecord,
 *   onChange: (changed: { server: boolean, fleet: boolean }) => Promise<void> }} options
 * @returns {{ stop: () => Promise<void> }}
 */
export function startWatcher({ record, onChange }) {
  const child = spawn(process.execPath, ['--import', preload, nest, 'build', '--watch', '--preserveWatchOutput'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  if (child.pid) record.set('compiler', child.pid);
  let stopping = false;
  child.once('error', (error) => console.log(`The sources are not watched: ${error.message}`));
  child.once('exit', () => {
    record.set('compiler', null);
    if (!stopping) console.log('The compiler has ended: changes are not picked up until the next start.');
  });

  let sources = fingerprintSources();
  let outputs = fingerprintOutputs();
  let turn = Promise.resolve();
  let broken = false;
  const onCompiled = async () => {
    await bundleCli().catch((error) => console.log(`The command line was not built: ${error.message}`));
    writeStamp(sources);
    const now = fingerprintOutputs();
    const changed = { server: now.server !== outputs.server, fleet: now.fleet !== outputs.fleet };
    outputs = now;
    if (!stopping && (changed.server || changed.fleet)) await onChange(changed);
  };
  const onLine = (coloured) => {
    const line = stripVTControlCharacters(coloured);
    if (/Starting (incremental )?compilation/.test(line)) {
      // Taken now: what changes from here on is compiled once more.
      sources = fingerprintSources();
      return;
    }
    const errors = /Found (\d+) errors?\. Watching/.exec(line)?.[1];
    if (errors === '0') {
      if (broken) console.log('The sources compile again.');
      turn = turn.then(onCompiled);
    } else if (errors) removeStamp();
    if (errors) broken = errors !== '0';
    if (errors !== '0' && line.trim() !== '') console.log(process.stdout.isTTY ? coloured : line);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);

  return {
    stop: async () => {
      stopping = true;
      if (child.pid) await endProcess(child.pid, { waitMs: 2000 });
    },
  };
}

/** Workers are restarted for their own code only: their agents may be hours into their work. */
function fingerprintOutputs() {
  const isFleets = (file) => FLEET_PARTS.some((part) => file.startsWith(part));
  const isCode = (file) => file.endsWith('.js') && !file.startsWith(CLI);
  return {
    server: fingerprint([dist], (file) => isCode(file) && !isFleets(file)),
    fleet: fingerprint([dist], (file) => isCode(file) && isFleets(file)),
  };
}
