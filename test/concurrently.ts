import { progress } from './figures.js';

/** Does something `total` times, some of them at once, and gives what came of each, in order. Says how far it is. */
export async function concurrently<T>(
  what: string,
  { total, atOnce }: { total: number; atOnce: number },
  work: (round: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  const step = progress(what, total);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < total) {
      const round = next++;
      results[round] = await work(round);
      step();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}
