// A side of a comparison is a process of its own: what it does costs the others nothing, and its CPU time is its own.

/**
 * Answers the calls of `startSide` until its parent is gone.
 * @param {Record<string, (args: any) => unknown>} verbs
 */
export function serve(verbs) {
  process.on('message', ({ id, verb, args }) => {
    Promise.resolve()
      .then(() => verbs[verb](args))
      .then(
        (result) => process.send({ id, result }),
        (error) => process.send({ id, error: error?.stack ?? String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C in the terminal reaches the whole group; the parent ends its sides in order.
  process.on('SIGINT', () => undefined);
}

/** Counts what happens while `work` goes on: a second to get going, then `seconds` that count. */
export async function rateWhile(seconds, work) {
  let count = 0;
  const stop = new AbortController();
  const working = work(() => count++, stop.signal);
  // Who fails ends the measure at once.
  const pause = (ms) => Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), working.then(endedEarly)]);
  await pause(1000);
  const before = count;
  const began = performance.now();
  await pause(seconds * 1000);
  const rate = (count - before) / ((performance.now() - began) / 1000);
  stop.abort();
  await working;
  return rate;
}

function endedEarly() {
  throw new Error('there was not enough to do for the whole measure');
}
