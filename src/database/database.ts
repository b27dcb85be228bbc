import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { Injectable, Logger } from '@nestjs/common';
import type pg from 'pg';
import { DataSource } from 'typeorm';
import {
  DatabaseUnavailable,
  isConnectionLost,
  isPlanOutdated,
  isRetryable,
  isUnavailable,
  isWithoutOrganization,
  OrganizationGone,
} from './database.errors.js';
import { PreparedNames } from './prepared-names.js';

const ATTEMPTS = 5;

/** One plan for each statement, whatever its parameters and whatever the statistics say: the one that goes by indexes. */
export const BEGIN_PREPARED = `begin; set local plan_cache_mode = force_generic_plan; ${[
  'seqscan',
  'hashjoin',
  'mergejoin',
]
  .map((way) => `set local enable_${way} = off`)
  .join('; ')}`;

interface Transaction {
  client: pg.PoolClient;
  /** Whether its statements are prepared. */
  prepared: boolean;
  /** What is to be written before the commit. */
  atCommit: { write: Write; items: readonly unknown[] }[];
  afterCommit: (() => void)[];
}

/** What a transaction gives once its last statements, which are asked already, have been answered. */
export class Last<T> {
  constructor(readonly result: Promise<T>) {}
}

type Write = (items: readonly unknown[]) => Promise<unknown>;

/** How a transaction is done. */
interface Manner {
  prepared: boolean;
  /** Whether it is one statement, which need not have been answered before the commit. */
  alone: boolean;
}

const PLAIN: Manner = { prepared: false, alone: false };
const PREPARED: Manner = { prepared: true, alone: false };
const ALONE: Manner = { prepared: true, alone: true };

/** Counts of the connection pool. */
export interface PoolFigures {
  active: number;
  idle: number;
  max: number;
  waiting: number;
}

/**
 * Statements and transactions. A transaction travels in the async context, so that a store cannot forget to
 * take part in it. Throws DatabaseUnavailable when PostgreSQL or a connection cannot be had in time, and OrganizationGone
 * for a row of an organization that has been deleted in the meantime.
 */
@Injectable()
export class Database {
  private readonly logger = new Logger(Database.name);
  private readonly context = new AsyncLocalStorage<Transaction>();
  private readonly names = new PreparedNames();

  constructor(private readonly dataSource: DataSource) {}

  /** Rows of a statement, also those of `returning`. */
  async query<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return (await this.run<Row>(sql, parameters)).rows;
  }

  /** The first row of a statement, or null when there is none. */
  async one<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row | null> {
    return (await this.query<Row>(sql, parameters))[0] ?? null;
  }

  /** How many rows a statement changed. */
  async count(sql: string, parameters: readonly unknown[] = []): Promise<number> {
    return (await this.run(sql, parameters)).rowCount ?? 0;
  }

  /**
   * Runs `work` in a transaction; within another one it joins that. A deadlock, a serialization failure or RunAgain runs
   * it again, so it must not change anything but the database.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.context.getStore() !== undefined) return work();
    return this.repeated(() => this.attempt(work, PLAIN));
  }

  /**
   * The same for the few statements that are run all the time, which each connection then has prepared: made anew, the
   * plan of a claim costs as much as the claim. Not for statements with conditions that are switched off by a null.
   */
  async preparedTransaction<T>(work: () => Promise<T | Last<T>>): Promise<T> {
    if (this.context.getStore() !== undefined) return resultOf(await work());
    return this.repeated(() => this.attempt(work, PREPARED));
  }

  /** Rows of a prepared statement that is a transaction of its own: its beginning and its end travel with it. */
  async prepared<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    if (this.context.getStore() !== undefined) return this.query<Row>(sql, parameters);
    return this.repeated(() => this.attempt(() => this.query<Row>(sql, parameters), ALONE));
  }

  /**
   * Runs `work` so that its failure undoes it alone and not the transaction under way. Deadlocks and lost connections
   * end the whole all the same, as PostgreSQL has it.
   */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    await this.run('savepoint part', []);
    const atCommit = this.context.getStore()?.atCommit ?? [];
    const before = atCommit.length;
    try {
      const result = await work();
      await this.run('release savepoint part', []);
      return result;
    } catch (error) {
      atCommit.length = before;
      await this.run('rollback to savepoint part', []);
      throw error;
    }
  }

  /**
   * Has `write` take items with all others of the transaction in one go, before its commit; at once where there is none.
   * The commit travels with it, so it must ask before it waits for anything, and throw rather than reject if it cannot.
   */
  async atCommit<T>(write: (items: readonly T[]) => Promise<unknown>, items: readonly T[]): Promise<void> {
    const transaction = this.context.getStore();
    if (transaction === undefined) await write(items);
    else transaction.atCommit.push({ write: write as Write, items });
  }

  /** Runs `work` outside of the transaction under way, on connections of its own. */
  outside<T>(work: () => Promise<T>): Promise<T> {
    return this.context.exit(work);
  }

  /** Whether a transaction is under way here. */
  get isInTransaction(): boolean {
    return this.context.getStore() !== undefined;
  }

  /** Whether statements are prepared here. */
  get isPrepared(): boolean {
    return this.context.getStore()?.prepared ?? false;
  }

  /** Runs `action` once the transaction has been committed, or at once where there is none. */
  afterCommit(action: () => void): void {
    const transaction = this.context.getStore();
    if (transaction === undefined) action();
    else transaction.afterCommit.push(action);
  }

  get pool(): PoolFigures {
    const pool = this.pgPool;
    return {
      active: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      max: pool.options.max,
      waiting: pool.waitingCount,
    };
  }

  private get pgPool(): pg.Pool {
    return (this.dataSource.driver as unknown as { master: pg.Pool }).master;
  }

  private async run<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult<Row>> {
    const transaction = this.context.getStore();
    if (transaction !== undefined) {
      const name = transaction.prepared && parameters.length > 0 ? this.names.of(sql) : undefined;
      gather(transaction.client);
      return this.execute<Row>(transaction.client, sql, parameters, name);
    }
    // A statement alone is a transaction of its own: what it fails with undid all of it.
    return this.repeated(() => this.execute<Row>(this.pgPool, sql, parameters));
  }

  private async execute<Row extends object>(
    on: pg.Pool | pg.PoolClient,
    sql: string,
    parameters: readonly unknown[],
    name?: string,
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await on.query<Row>({ text: sql, values: [...parameters], name });
    } catch (error) {
      if (isPlanOutdated(error)) this.names.renew();
      if (isWithoutOrganization(error)) throw new OrganizationGone(error);
      throw isUnavailable(error) ? new DatabaseUnavailable(error) : error;
    }
  }

  /** Does it again after a deadlock and the like, a few times. */
  private async repeated<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!isRetryable(error)) throw error;
        if (attempt >= ATTEMPTS) throw new DatabaseUnavailable(error);
        this.logger.debug({ attempt, error }, 'a transaction is run again');
      }
    }
  }

  private async attempt<T>(work: () => Promise<T | Last<T>>, { prepared, alone }: Manner): Promise<T> {
    // The statement under way reports the loss; without a listener the event itself would end the process.
    const heard = (error: Error): void => this.logger.warn(`a connection broke in a transaction: ${error.message}`);
    const transaction: Transaction = { client: await this.connect(heard), prepared, atCommit: [], afterCommit: [] };
    let broken: Error | undefined;
    try {
      return await this.context.run(transaction, async () => {
        // Neither is waited for where nothing hangs on it: what is asked in one go travels in one packet.
        const begun = this.run(prepared ? BEGIN_PREPARED : 'begin', []);
        const worked = Promise.all([work(), begun]).then(([result]): T | Last<T> => result);
        const result = alone ? worked.then(resultOf<T>) : resultOf<T>(await worked);
        const written = together(transaction.atCommit).map(({ write, items }) => write(items));
        const [given, { command }] = await Promise.all([result, this.run('commit', []), ...written]);
        // PostgreSQL takes the commit of a transaction in which something has failed for a rollback.
        if (command !== 'COMMIT') throw new Error('a transaction was undone although nothing in it was said to fail');
        // Outside of the context: what is announced must not run in the transaction that has ended.
        this.context.exit(() => transaction.afterCommit.forEach((action) => action()));
        return given;
      });
    } catch (error) {
      // A connection that does not answer any more would let the caller wait once again.
      broken = isConnectionLost(error) ? (error as Error) : await this.rollback(transaction.client);
      throw error;
    } finally {
      transaction.client.off('error', heard);
      transaction.client.release(broken);
    }
  }

  /** The error when even the rollback failed: such a connection must not go back to the pool. */
  private async rollback(client: pg.PoolClient): Promise<Error | undefined> {
    try {
      await client.query('rollback');
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /**
   * A connection that `heard` listens to from the first moment on: the server may end it with the very packet in which
   * it says that it is ready, before anybody who awaits it comes to run.
   */
  private connect(heard: (error: Error) => void): Promise<pg.PoolClient> {
    return new Promise((resolve, reject) => {
      this.pgPool.connect((error, client) => {
        if (client === undefined) {
          const cause = error ?? new Error('the pool gave neither a connection nor a reason');
          reject(isUnavailable(cause) ? new DatabaseUnavailable(cause) : cause);
          return;
        }
        client.on('error', heard);
        resolve(client);
      });
    });
  }
}

const resultOf = async <T>(given: T | Last<T>): Promise<T> => (given instanceof Last ? given.result : given);

/**
 * Has statements that are asked in one go sent in one packet: each is a system call otherwise, and wakes PostgreSQL. They
 * leave when everything that goes on by itself has gone on.
 */
function gather(client: pg.PoolClient): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.cork();
  queueMicrotask(() => process.nextTick(() => stream.uncork()));
}

/** Those of one kind as one, in the order in which the kinds came. */
function together(deferred: Transaction['atCommit']): Transaction['atCommit'] {
  const kinds = new Map<Write, unknown[]>();
  for (const { write, items } of deferred) kinds.set(write, (kinds.get(write) ?? []).concat(items));
  return [...kinds].map(([write, items]) => ({ write, items }));
}
