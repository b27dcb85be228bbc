/** The last second that RFC 3339 can tell: 9999-12-31T23:59:59Z. */
const LAST_SECOND = 253_402_300_799;
/** From here on git takes a time for an overflow, before 1970 too, and shows the beginning of all times. */
const OVERFLOW = 2 ** 63;

/** Settings of a command that tells times: a commit-graph file keeps no more than 34 bits of one. */
export const TRUE_TIMES = { 'core.commitGraph': 'false' };

/**
 * Seconds since 1970 that a commit or tag claims. Whoever writes one may claim anything, and what git sorts by is not
 * always what it shows: this is the one rule for the order and for what is told. What git takes for an overflow is 1970;
 * what no RFC 3339 date can say is the last second that one can.
 */
export function claimedSecond(digits: string): number {
  const claimed = Number(digits);
  return claimed >= 0 && claimed < OVERFLOW ? Math.min(claimed, LAST_SECOND) : 0;
}

export const instantOf = (second: number): Date => new Date(second * 1000);
