const HOUR = 3600;
const YEAR = 365.25 * 24 * HOUR;

/** How far a clock may be wrong, in seconds. */
export const SHIFTS: readonly { name: string; seconds: number }[] = [
  { name: '+10 y', seconds: 10 * YEAR },
  { name: '-10 y', seconds: -10 * YEAR },
  { name: '+1 h', seconds: HOUR },
  { name: '-1 h', seconds: -HOUR },
];

/** Variables of a process of the built product whose clock is wrong; with `deaf`, one that no server can correct. */
export function wrongClock(seconds: number, { deaf = false } = {}): Record<string, string> {
  const preloads = ['./shifted-clock.mjs', ...(deaf ? ['./deaf-clock.mjs'] : [])];
  const options = preloads.map((file) => `--import=${new URL(file, import.meta.url).href}`);
  return { NODE_OPTIONS: options.join(' '), CLOCK_SHIFT_SECONDS: String(seconds) };
}

/** Does `work` while the clock of this very process is wrong, that of the servers in it included. */
export async function withWrongClock<T>(seconds: number, work: () => Promise<T>): Promise<T> {
  const real = globalThis.Date;
  const shift = seconds * 1000;
  globalThis.Date = new Proxy(real, {
    construct: (target, given: [], asked: new () => object) =>
      Reflect.construct(target, given.length > 0 ? given : [real.now() + shift], asked) as Date,
    get: (target, name) => (name === 'now' ? () => real.now() + shift : (Reflect.get(target, name) as unknown)),
  });
  try {
    return await work();
  } finally {
    globalThis.Date = real;
  }
}
