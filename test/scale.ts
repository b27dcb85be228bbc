/** Proofs run at the size that is published with `npm run verify`, and in a short form of the same with `npm test`. */
export const FULL = process.env['VERIFY'] === 'full';

/** How often something is done. */
export const size = ({ full, short }: { full: number; short: number }): number => (FULL ? full : short);

/** Jest's patience with one proof, in milliseconds. */
export const PATIENCE_MS = size({ full: 1_800_000, short: 120_000 });
