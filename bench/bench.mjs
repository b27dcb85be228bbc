// `npm run bench`: what is promised of performance, side by side, in turn, on one PostgreSQL. The last line is the result.
import { cpus, totalmem } from 'node:os';
import { ensureBuilt } from '../scripts/build.mjs';
import { ensureInstalled } from '../scripts/install.mjs';
import { onParentEnd } from '../scripts/parent.mjs';
import { ensureRivals, nodeForAll, rivalVersions } from './rivals.mjs';

const USAGE = `Usage: npm run bench -- [lines] [options]

  lines             of A, B, C, C99, D, E, F, "F idle", G, G1, H, H20, I, J, K, "K rest"; all by default
  --rounds <n>      how often each side is measured (5)
  --seconds <n>     how long one measure takes (5)
  --full            10,000,000 finished tasks instead of 1,000,000 in line D
  --save            writes bench/results/ and docs/benchmark.svg, which the README shows`;

/**
 * @typedef {object} Bench
 * @property {import('./ground.mjs').Ground} ground
 * @property {string} node the program that runs every side
 * @property {number} seconds
 * @property {boolean} full
 * @property {(text: string) => void} say tells how far it is
 */

const options = readOptions(process.argv.slice(2));
if (options === null) {
  console.log(USAGE);
  process.exit(2);
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopping.abort());
onParentEnd(() => stopping.abort());

await ensureInstalled(stopping.signal);
await ensureBuilt(stopping.signal);
await ensureRivals(stopping.signal);

// Loaded late: they need what has just been installed.
const { allLines } = await import('./lines.mjs');
const { startGround } = await import('./ground.mjs');
const { measure } = await import('./measure.mjs');
const { printTable, save, verdictsOf } = await import('./report.mjs');

const unknown = options.ids.filter((id) => !allLines.some((line) => line.id === id));
if (unknown.length > 0) {
  console.error(`There is no line ${unknown.join(', ')}.\n\n${USAGE}`);
  process.exit(2);
}
const chosen = allLines.filter(({ id }) => options.ids.length === 0 || options.ids.includes(id));

const node = nodeForAll();
const results = [];
let failure = null;
for (const line of chosen) {
  if (stopping.signal.aborted) break;
  // Each line begins with a server and a disk that know nothing of the others.
  const ground = await startGround();
  try {
    results.push(await measure(line, { ground, node, ...options }, stopping.signal));
  } catch (error) {
    failure = `${line.id}: ${error.message}`;
    console.error(`\n${line.id} could not be measured: ${error.stack}`);
  } finally {
    await ground.end();
  }
}

const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memory_gib: Math.round(totalmem() / 1024 ** 3),
  node: await versionOf(node),
  ...rivalVersions(),
};
printTable(results, machine);
if (options.save && failure === null && !stopping.signal.aborted) save(results, machine);
const verdicts = results.flatMap(verdictsOf);
const kept = verdicts.filter(({ kept }) => kept).length;
console.log(`${kept} passed, ${verdicts.length - kept + (failure === null ? 0 : 1)} failed`);
process.exit(stopping.signal.aborted || failure !== null ? 1 : 0);

async function versionOf(program) {
  const { runProgram } = await import('../scripts/run-program.mjs');
  return (await runProgram([program, '--version'])).output.trim();
}

/** @param {string[]} words */
function readOptions(words) {
  const read = { ids: [], rounds: 5, seconds: 5, full: false, save: false };
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === '--full' || word === '--save') read[word.slice(2)] = true;
    else if (word === '--rounds' || word === '--seconds') {
      const number = Number(words[++at]);
      if (!Number.isInteger(number) || number < 1 || number > 600) return null;
      read[word.slice(2)] = number;
    } else if (word.startsWith('-')) return null;
    else read.ids.push(word);
  }
  return read;
}
