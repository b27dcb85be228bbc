// The picture of the last results: a block for each line, a bar for each side, drawn from the files alone.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { figure } from './measures.mjs';

const WIDTH = 860;
const LABELS = 230;
const BARS = 430;
const ROW = 20;
const HEAD = 34;
const MARGIN = 20;

const OURS = '#2563eb';
const THEIRS = '#94a3b8';
const RIVALS = /graphile|pg-boss|Express/;

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** @param {string} directory of the results */
export function chartOf(directory) {
  const results = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')));
  let top = MARGIN;
  const blocks = results.map((result) => {
    const block = blockOf(result, top);
    top += block.height;
    return block.text;
  });
  const height = top + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Results of the benchmark">
<style>text{font:12px system-ui,sans-serif;fill:#0f172a}.title{font-weight:600}.unit{fill:#64748b}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
${blocks.join('\n')}
</svg>
`;
}

function blockOf({ id, title, unit, better, sides }, top) {
  const most = Math.max(...Object.values(sides).map((one) => one.most));
  const rows = Object.entries(sides).map(([side, { median, least, most: highest }], at) => {
    const y = top + HEAD + at * ROW;
    const scaled = (value) => (value / most) * BARS;
    const middle = y + 7;
    return [
      `<text x="${MARGIN}" y="${y + 11}">${escape(side)}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${scaled(median).toFixed(1)}" height="14" rx="2" fill="${RIVALS.test(side) ? THEIRS : OURS}"/>`,
      `<path d="M${(LABELS + scaled(least)).toFixed(1)} ${middle}H${(LABELS + scaled(highest)).toFixed(1)}" stroke="#0f172a" stroke-width="1.5"/>`,
      `<text x="${LABELS + BARS + 12}" y="${y + 11}">${figure(median)}</text>`,
    ].join('');
  });
  const unitText = `${unit}, ${better} is better`;
  const head =
    `<text class="title" x="${MARGIN}" y="${top + 18}">${escape(id)} · ${escape(title)}</text>` +
    `<text class="unit" x="${WIDTH - MARGIN}" y="${top + 18}" text-anchor="end">${escape(unitText)}</text>`;
  return { text: [head, ...rows].join('\n'), height: HEAD + rows.length * ROW + 14 };
}
