// Medians, spreads and ratios of sides that were measured in turn.

export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {number[]} values */
export const summary = (values) => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values),
  values,
});

/**
 * Measures each side once a round, in another order each time, so that whatever else the machine does meets all alike.
 * @param {Record<string, () => Promise<number>>} sides
 * @param {number} rounds
 * @param {(side: string, round: number) => void} onStep
 * @returns {Promise<Record<string, number[]>>}
 */
export async function inTurn(sides, rounds, onStep) {
  const names = Object.keys(sides);
  const figures = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order) {
      onStep(name, round);
      figures[name].push(await sides[name]());
    }
  }
  return figures;
}

/** Values of a sorted list, by share. */
export function percentiles(values, shares) {
  const sorted = [...values].sort((one, other) => one - other);
  return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
}

/** What one side makes of another, round by round: the machine may be slower in one round than in the next. */
export const ratios = (of, to) => summary(of.map((value, round) => value / to[round]));

/**
 * A figure with three digits, or whole.
 * @param {number} value
 */
export function figure(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3).replace(/\.0+$/, '');
}
