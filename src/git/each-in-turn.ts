/**
 * Does the work for each, a few at a time, and gives what came of it in their order. Whatever fails, all that was begun has
 * ended before this does: nobody works on behind the back of who asked. Then nothing more is begun, and the first failure
 * is thrown.
 */
export async function eachInTurn<T, R>(
  at_once: number,
  items: readonly T[],
  work: (item: T, at: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  const waiting = [...items.entries()];
  const goOn = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        results[next[0]] = await work(next[1], next[0]);
      } catch (error) {
        failures.push(error);
        waiting.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: at_once }, goOn));
  if (failures.length > 0) throw failures[0];
  return results;
}
