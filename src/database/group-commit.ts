import { AsyncLocalStorage } from 'node:async_hooks';
import type { Database } from './database.js';
import { DatabaseUnavailable } from './database.errors.js';
import { Interval } from './interval.js';

export interface GroupSettings<Item, Result> {
  /** Does what several callers want at once. Gives the answer of each in their order; an Error is thrown to its caller. */
  runAll(items: readonly Item[]): Promise<readonly (Result | Error)[]>;
  /** The most items that are done at once. */
  limit: number;
  /** How many batches may be under way at the same time: while one waits for the disk, another one computes. */
  width: number;
  /** Items that have a key in common are never under way at the same time, and keep their order. */
  keysOf?(item: Item): readonly string[];
  /**
   * Items that wait for company, until so many milliseconds after those that did before, unless one comes that does not:
   * who comes alone need not wait, and many together are done at that interval.
   */
  patience?: { milliseconds: number; isPatient(item: Item): boolean };
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Group commit: what callers want at the same time is done together, with the statements and the commit of one. Nobody
 * waits for company who has not said so: a caller that comes alone is served at once, and a batch is what has come while
 * others were under way. Each caller gets their own answer, and their own error: a batch that fails is done again one by one.
 */
export class GroupCommit<Item, Result> {
  private readonly waiting: Waiting<Item, Result>[] = [];
  private readonly busy = new Set<string>();
  private underWay = 0;
  private gathering = false;
  private patient: NodeJS.Timeout | null = null;
  private readonly interval: Interval;
  // A batch belongs to all who wait for it, so it must not run in the context of the one who came first.
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly database: Database,
    private readonly settings: GroupSettings<Item, Result>,
  ) {
    this.interval = new Interval(settings.patience?.milliseconds ?? 0);
  }

  /** Within a transaction of the caller the item is done there, alone. */
  async run(item: Item): Promise<Result> {
    if (this.database.isInTransaction) return own(await this.settings.runAll([item]), 0);
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.settings.patience?.isPatient(item)) this.wait();
      else this.gather();
    });
  }

  /** Has items that came one after the other done together, with the first that cannot wait or after a while. */
  private wait(): void {
    this.patient ??= this.interval.next(() => {
      this.patient = null;
      this.gather();
    });
  }

  private gather(): void {
    if (this.patient !== null && this.waiting.every(({ item }) => this.settings.patience?.isPatient(item))) return;
    if (this.gathering || this.waiting.length === 0 || this.underWay >= this.settings.width) return;
    this.gathering = true;
    // Requests that arrive together are all read before the immediates of that turn run.
    setImmediate(() => {
      this.gathering = false;
      if (this.patient !== null) clearTimeout(this.patient);
      this.patient = null;
      const batch = this.take();
      // All of them wait for something that is under way, whose end comes back here.
      if (batch.length === 0) return;
      this.underWay += 1;
      const keys = batch.flatMap(({ item }) => this.keysOf(item));
      keys.forEach((key) => this.busy.add(key));
      void this.outside(() => this.work(batch)).then(() => {
        this.underWay -= 1;
        keys.forEach((key) => this.busy.delete(key));
        this.gather();
      });
      this.gather();
    });
  }

  private take(): Waiting<Item, Result>[] {
    const keys = new Set(this.busy);
    const batch: Waiting<Item, Result>[] = [];
    for (let at = 0; at < this.waiting.length && batch.length < this.settings.limit;) {
      const one = this.waiting[at];
      const own = one ? this.keysOf(one.item) : [];
      const isFree = !own.some((key) => keys.has(key));
      // Those of who has to wait as well: nobody who came later is done before.
      own.forEach((key) => keys.add(key));
      if (one === undefined || !isFree) at += 1;
      else {
        batch.push(one);
        this.waiting.splice(at, 1);
      }
    }
    return batch;
  }

  private keysOf(item: Item): readonly string[] {
    return this.settings.keysOf?.(item) ?? [];
  }

  private async work(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.settings.runAll(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, at) => {
        try {
          resolve(own(results, at));
        } catch (error) {
          reject(error);
        }
      });
    } catch (error) {
      // Without a database there is nothing to be found out one by one.
      if (batch.length === 1 || error instanceof DatabaseUnavailable) batch.forEach(({ reject }) => reject(error));
      else for (const one of batch) await this.work([one]);
    }
  }
}

function own<Result>(results: readonly (Result | Error)[], at: number): Result {
  if (at >= results.length) throw new Error('a batch has given fewer answers than it was asked for');
  const result = results[at] as Result | Error;
  if (result instanceof Error) throw result;
  return result;
}
