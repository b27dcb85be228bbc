// One line: its sides in turn, round by round.
import { inTurn, summary } from './measures.mjs';

/**
 * @typedef {object} Result
 * @property {import('./lines.mjs').Line} line
 * @property {Record<string, ReturnType<typeof summary>>} sides
 * @property {string | undefined} note
 * @property {number} took seconds
 */

/**
 * @param {import('./lines.mjs').Line} line
 * @param {Omit<import('./bench.mjs').Bench, 'say'> & { rounds: number }} options
 * @param {AbortSignal} signal
 * @returns {Promise<Result>}
 */
export async function measure(line, { rounds, ...bench }, signal) {
  const began = performance.now();
  const { say, done } = reporter(line.id);
  say('preparing');
  const { sides, end, note } = await line.prepare({ ...bench, say });
  try {
    const figures = await inTurn(sides, Math.min(rounds, line.rounds ?? rounds), (side, round) => {
      signal.throwIfAborted();
      say(`round ${round + 1}: ${side}`);
    });
    const summaries = Object.fromEntries(Object.entries(figures).map(([side, values]) => [side, summary(values)]));
    return { line, sides: summaries, note, took: (performance.now() - began) / 1000 };
  } finally {
    done();
    await end();
  }
}

/** Tells how far it is: in place on a terminal, a line each elsewhere. */
function reporter(id) {
  const terminal = process.stdout.isTTY === true;
  return {
    say: (text) => (terminal ? process.stdout.write(`\r\x1b[K${id}: ${text}`) : console.log(`${id}: ${text}`)),
    done: () => terminal && process.stdout.write('\r\x1b[K'),
  };
}
