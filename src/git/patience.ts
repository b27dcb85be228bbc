/** Waits for work no longer than that, and gives undefined when it is not over by then: it goes on by itself. */
export async function atMost<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  return Promise.race([work, patience]).finally(() => clearTimeout(timer));
}

/** Waits for something, but not once the signal is aborted: then rejects with its reason, and that goes on. */
export async function unlessAborted<T>(signal: AbortSignal, awaited: Promise<T>): Promise<T> {
  let leave = (): void => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    return await Promise.race([awaited, left]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
