// Every line of the benchmark, in the order of the promises.
import { line as oneByOne } from './lines/a-one-by-one.mjs';
import { line as hundreds } from './lines/b-hundreds.mjs';
import { lines as wakeUps } from './lines/c-wake-up.mjs';
import { line as backlog } from './lines/d-backlog.mjs';
import { line as snapshot } from './lines/e-snapshot.mjs';
import { lines as heartbeats } from './lines/f-heartbeats.mjs';
import { lines as creates } from './lines/g-creates.mjs';
import { lines as reads } from './lines/h-reads.mjs';
import { line as streams } from './lines/i-streams.mjs';
import { line as logs } from './lines/j-logs.mjs';
import { lines as starts } from './lines/k-start.mjs';

/**
 * @typedef {object} Promised of one side: a ratio to another, a difference from it, or a figure
 * @property {string} of
 * @property {string} [to]
 * @property {string} [minus]
 * @property {number} [at_least]
 * @property {number} [at_most]
 */

/**
 * @typedef {object} Line
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {'more' | 'less'} better
 * @property {number} [rounds] instead of those asked for, where a measure takes long
 * @property {Promised[]} promises
 * @property {(bench: import('./bench.mjs').Bench) => Promise<{
 *   sides: Record<string, () => Promise<number>>, end: () => unknown, note?: string
 * }>} prepare
 */

/** @type {Line[]} */
export const allLines = [
  oneByOne,
  hundreds,
  ...wakeUps,
  backlog,
  snapshot,
  ...heartbeats,
  ...creates,
  ...reads,
  streams,
  logs,
  ...starts,
];
