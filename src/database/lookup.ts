import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { Interval } from './interval.js';

interface Batch<Value> {
  keys: Set<string>;
  /** Asks when everything of this turn has been read. */
  ask: () => void;
  patience?: NodeJS.Timeout;
  answer: Promise<ReadonlyMap<string, Value>>;
}

/**
 * Asks once for all that is wanted in the same turn of the event loop. Nothing is kept: the next turn asks anew. Who is in
 * no hurry waits for others, until `patience_ms` after those who were in no hurry before, or for the first who is: who
 * comes alone need not wait, and many together are asked for at that interval.
 */
export class Lookup<Value> {
  private batch: Batch<Value> | null = null;
  private readonly interval: Interval;
  // The statement belongs to all who wait for it, so it must not join the transaction of the one who came first.
  private readonly outside = AsyncLocalStorage.snapshot();

  /** `findAll` gives what there is of the keys; what is missing from its answer does not exist. */
  constructor(
    private readonly findAll: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
    patience_ms = 0,
  ) {
    this.interval = new Interval(patience_ms);
  }

  /** The value of the key, or null. Throws what `findAll` throws. */
  async find(key: string, isPatient = false): Promise<Value | null> {
    const batch = (this.batch ??= this.begin());
    batch.keys.add(key);
    if (isPatient) batch.patience ??= this.interval.next(batch.ask);
    else batch.ask();
    return (await batch.answer).get(key) ?? null;
  }

  private begin(): Batch<Value> {
    const keys = new Set<string>();
    let ask = (): void => undefined;
    const asked = new Promise<void>((resolve) => (ask = resolve));
    const batch: Batch<Value> = { keys, ask, answer: asked.then(() => this.answer(batch)) };
    return batch;
  }

  private async answer({ keys, patience }: Batch<Value>): Promise<ReadonlyMap<string, Value>> {
    clearTimeout(patience);
    // Requests that arrive together are all read before the immediates of that turn run.
    await setImmediate();
    this.batch = null;
    return this.outside(() => this.findAll([...keys]));
  }
}
