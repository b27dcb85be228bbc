/** Waits for work no longer than that, and gives undefined when it is not over by then: it goes on by itself. */
export async function atMost<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  return Promise.race([work, patience]).finally(() => clearTimeout(timer));
}
