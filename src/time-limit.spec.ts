import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isOutOfTime, withLimit } from './time-limit.js';

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave);
  });

it('ends work after its time, though memory is cleaned up meanwhile', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const cleaning = setInterval(collect, 5);
  let inner: AbortSignal | null = null;
  const ended = withLimit(50, null, (signal) => {
    inner = signal;
    return untilAborted(signal);
  });
  try {
    await expect(ended).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(inner).toMatchObject({ aborted: true });
    expect(inner !== null && isOutOfTime(inner)).toBe(true);
  } finally {
    clearInterval(cleaning);
  }
});

it('ends work with the outer signal, whenever that comes, and for its reason', async () => {
  const reason = new Error('called off');
  const outer = new AbortController();
  const ended = withLimit(600_000, outer.signal, untilAborted);
  outer.abort(reason);
  await expect(ended).rejects.toBe(reason);
  await expect(withLimit(600_000, outer.signal, untilAborted)).rejects.toBe(reason);
});

it('leaves nothing on the outer signal', async () => {
  const { signal } = new AbortController();
  await withLimit(600_000, signal, () => Promise.resolve());
  await withLimit(600_000, signal, () => Promise.reject(new Error('broken'))).catch(() => undefined);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
