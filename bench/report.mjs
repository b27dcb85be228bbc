// The table, the files, and what has become of the promises.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../scripts/root.mjs';
import { chartOf } from './chart.mjs';
import { figure, ratios, summary } from './measures.mjs';

/** @typedef {{ text: string, promised: string, kept: boolean, ratio: ReturnType<typeof summary> }} Verdict */

/**
 * What has become of the promises of a line: the median of what each round says, as the machine may be slower in one.
 * @param {import('./measure.mjs').Result} result
 * @returns {Verdict[]}
 */
export function verdictsOf({ line, sides }) {
  return line.promises.map(({ of, to, minus, at_least, at_most }) => {
    const { values } = sides[of];
    const ratio = to
      ? ratios(values, sides[to].values)
      : summary(minus ? values.map((value, round) => value - sides[minus].values[round]) : values);
    const unit = to ? '×' : line.unit;
    const limit = at_least === undefined ? `at most ${at_most} ${unit}` : `at least ${at_least} ${unit}`;
    return {
      text: to ? `${of} / ${to}` : minus ? `${of} − ${minus}` : of,
      promised: limit,
      kept: at_least === undefined ? ratio.median <= at_most : ratio.median >= at_least,
      ratio,
    };
  });
}

const spread = ({ least, most }) => `${figure(least)} … ${figure(most)}`;

/**
 * @param {import('./measure.mjs').Result[]} results
 * @param {Record<string, unknown>} machine
 */
export function printTable(results, machine) {
  const rows = results.flatMap((result) => [
    ['', '', '', ''],
    [
      `${result.line.id}  ${result.line.title}${result.note ? ` (${result.note})` : ''}`,
      `${result.line.unit}`,
      'spread',
      '',
    ],
    ...Object.entries(result.sides).map(([side, one]) => [`     ${side}`, figure(one.median), spread(one), '']),
    ...verdictsOf(result).map(({ text, promised, kept, ratio }) => [
      `     = ${text}`,
      figure(ratio.median),
      spread(ratio),
      `${promised}: ${kept ? 'kept' : 'NOT KEPT'}`,
    ]),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => (row[1] === '' ? 0 : row[column].length))));
  for (const [name, value, range, promise] of rows) {
    const line = `${name.padEnd(widths[0])}  ${value.padStart(widths[1])}  ${range.padEnd(widths[2])}  ${promise}`;
    console.log(line.trimEnd());
  }
  console.log(
    `\n${Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}`,
  );
}

/**
 * Writes what was measured, a file a line, and the picture of it.
 * @param {import('./measure.mjs').Result[]} results
 * @param {Record<string, unknown>} machine
 */
export function save(results, machine) {
  const directory = join(root, 'bench', 'results');
  mkdirSync(directory, { recursive: true });
  for (const result of results) {
    const { line, sides, note, took } = result;
    const { id, title, unit, better } = line;
    const record = {
      id,
      title,
      unit,
      better,
      note,
      measured_at: new Date().toISOString(),
      took_seconds: Math.round(took),
      machine,
      sides,
      promises: verdictsOf(result),
    };
    const name = `${id.toLowerCase().replace(' ', '-')}.json`;
    writeFileSync(join(directory, name), `${JSON.stringify(record, null, 2)}\n`);
  }
  writeFileSync(join(root, 'docs', 'benchmark.svg'), chartOf(directory));
}
