import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';

interface Batch<Value> {
  keys: Set<string>;
  answer: Promise<ReadonlyMap<string, Value>>;
}

/**
 * Asks once for all that is wanted in the same turn of the event loop. Nothing is kept: the next turn asks anew.
 */
export class Lookup<Value> {
  private batch: Batch<Value> | null = null;
  // The statement belongs to all who wait for it, so it must not join the transaction of the one who came first.
  private readonly outside = AsyncLocalStorage.snapshot();

  /** `findAll` gives what there is of the keys; what is missing from its answer does not exist. */
  constructor(private readonly findAll: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>) {}

  /** The value of the key, or null. Throws what `findAll` throws. */
  async find(key: string): Promise<Value | null> {
    this.batch ??= this.begin();
    this.batch.keys.add(key);
    return (await this.batch.answer).get(key) ?? null;
  }

  private begin(): Batch<Value> {
    const keys = new Set<string>();
    return { keys, answer: this.ask(keys) };
  }

  private async ask(keys: ReadonlySet<string>): Promise<ReadonlyMap<string, Value>> {
    // Requests that arrive together are all read before the immediates of that turn run.
    await setImmediate();
    this.batch = null;
    return this.outside(() => this.findAll([...keys]));
  }
}
