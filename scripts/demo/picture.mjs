// The picture of a day: when each task waited and ran, on which worker, how its attempts ended, and what went wrong.

/**
 * @typedef {object} Day
 * @property {number} from milliseconds since the epoch, as everything here
 * @property {number} to
 * @property {{ name: string, created: number, ended: number, bars: { from: number, to: number, label: string, end: 'completed' | 'failed' | 'lost' | 'cancelled' }[], note?: string }[]} rows
 * @property {{ from: number, to: number, label: string }[]} outages of the server
 * @property {{ at: number, label: string }[]} marks
 */

const WIDTH = 1080;
const LABELS = 110;
const RIGHT = 24;
const TOP = 92;
const ROW = 34;
const BAR = 20;
const LEAST_BAR = 5;
const MARK = 16;
const TICKS = 8;
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300];

const COLOURS = { completed: '#1d6fd1', failed: '#c8372d', lost: '#d98a00', cancelled: '#6b7280' };
const MEANINGS = {
  completed: 'completed',
  failed: 'failed, tried again',
  lost: 'lost with its worker, given to another',
  cancelled: 'cancelled',
};

const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** @param {Day} day */
export function pictureOf({ from, to, rows, outages, marks }) {
  const plot = WIDTH - LABELS - RIGHT;
  const bottom = TOP + rows.length * ROW;
  const height = bottom + 30 + marks.length * MARK;
  const x = (at) => LABELS + ((at - from) / (to - from)) * plot;
  const text = (tx, ty, words, more = '') => `<text x="${tx.toFixed(1)}" y="${ty}" ${more}>${escape(words)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="A day of a fleet, task by task">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#1f2937}.head{font-weight:600;font-size:15px}.small{font-size:11px;fill:#4b5563}.in{fill:#fff;font-size:11px}</style>',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(20, 28, 'A day of a fleet: one coordinator, four workers, eight tasks', 'class="head"'),
    legend(),
    ...outages.map(
      ({ from: gone, to: back, label }) =>
        `<rect x="${x(gone).toFixed(1)}" y="${TOP - 8}" width="${(x(back) - x(gone)).toFixed(1)}" height="${bottom - TOP + 8}" fill="#fde8e7"/>` +
        text((x(gone) + x(back)) / 2, TOP - 13, label, 'class="small" text-anchor="middle"'),
    ),
    ...axis({ from, to, x, bottom }),
    ...rows.flatMap((row, at) => rowOf(row, TOP + at * ROW, { x, text })),
    ...marks.flatMap(({ at, label }, number) => {
      const foot = bottom + 34 + number * MARK;
      return [
        `<path d="M${x(at).toFixed(1)} ${TOP - 8}V${foot - 4}h5" fill="none" stroke="#1f2937" stroke-dasharray="2 3"/>`,
        text(x(at) + 8, foot, label, 'class="small"'),
      ];
    }),
    '</svg>',
    '',
  ].join('\n');
}

function legend() {
  let left = 20;
  return Object.entries(MEANINGS)
    .map(([end, meaning]) => {
      const at = left;
      left += 30 + meaning.length * 6.6;
      return `<rect x="${at}" y="41" width="12" height="12" rx="2" fill="${COLOURS[end]}"/><text x="${at + 18}" y="51" class="small">${meaning}</text>`;
    })
    .join('');
}

function axis({ from, to, x, bottom }) {
  const seconds = (to - from) / 1000;
  const step = STEPS.find((one) => seconds / one <= TICKS) ?? STEPS.at(-1);
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, at) => {
    const place = x(from + at * step * 1000).toFixed(1);
    return (
      `<path d="M${place} ${TOP - 8}V${bottom}" stroke="#e5e7eb"/>` +
      `<text x="${place}" y="${bottom + 15}" class="small" text-anchor="middle">${at * step} s</text>`
    );
  });
}

function rowOf({ name, created, ended, bars, note }, top, { x, text }) {
  const middle = top + ROW / 2;
  const y = middle - BAR / 2;
  return [
    text(20, middle + 4, name),
    `<path d="M${x(created).toFixed(1)} ${middle}H${x(ended).toFixed(1)}" stroke="#9ca3af" stroke-width="1.5"/>`,
    ...bars.map(({ from, to, label, end }) => {
      const width = Math.max(x(to) - x(from), LEAST_BAR);
      const inside = width > 9 + label.length * 6;
      return (
        `<rect x="${x(from).toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="3" fill="${COLOURS[end]}"/>` +
        (inside ? text(x(from) + 5, middle + 4, label, 'class="in"') : '')
      );
    }),
    ...(note === undefined ? [] : [text(x(ended) + 8, middle + 4, note, 'class="small"')]),
  ];
}
