import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { loadServerConfiguration } from '../config/config.module.js';
import { DatabaseConfig } from '../config/database.config.js';
import { createDatabase, type TestDatabase } from '../../test/test-database.js';
import { createRequestDataSource } from './data-source.js';
import { Database } from './database.js';
import { RunAgain } from './database.errors.js';

let place: TestDatabase;
let source: ReturnType<typeof createRequestDataSource>;
let database: Database;

beforeAll(async () => {
  // It tells of every transaction that is run again.
  Logger.overrideLogger(false);
  place = await createDatabase();
  const environment = { NODE_ENV: 'test', JWT_SECRET: 'x'.repeat(43), DATABASE_POOL_MAX: '2', DATABASE_POOL_MIN: '1' };
  const configuration = loadServerConfiguration({ ...environment, DATABASE_URL: place.url });
  source = await createRequestDataSource(configuration.get(DatabaseConfig)).initialize();
  database = new Database(source);
  await database.query('create table things (id integer primary key, name text)');
  await database.query(`insert into things select n, 'thing ' || n from generate_series(1, 3) n`);
});
afterAll(async () => {
  await source.destroy();
  await place.drop();
});

const FIND = 'select * from things where id = $1';
const preparedHere = async (): Promise<string[]> => {
  const rows = await database.query<{ statement: string }>('select statement from pg_prepared_statements');
  return rows.map(({ statement }) => statement);
};

describe('a prepared transaction', () => {
  it('has its statements prepared, each once, with one plan by indexes; others have not', async () => {
    await database.transaction(async () => {
      await database.query(FIND, [1]);
      expect(await preparedHere()).toEqual([]);
    });
    await database.preparedTransaction(async () => {
      for (const id of [1, 2, 3]) await database.query(FIND, [id]);
      expect(await preparedHere()).toEqual([FIND]);
      expect(await database.one('select generic_plans, custom_plans from pg_prepared_statements')).toEqual({
        generic_plans: '3',
        custom_plans: '0',
      });
      expect(await database.query('show enable_seqscan')).toEqual([{ enable_seqscan: 'off' }]);
    });
    expect(await database.query('show enable_seqscan')).toEqual([{ enable_seqscan: 'on' }]);
  });

  it('goes on when a migration has changed what a statement gives', async () => {
    const find = (): Promise<object | null> => database.preparedTransaction(() => database.one(FIND, [1]));
    expect(await find()).toEqual({ id: 1, name: 'thing 1' });
    await database.query('alter table things add column size integer');
    expect(await find()).toEqual({ id: 1, name: 'thing 1', size: null });
  });
});

describe('what is to be written at the commit', () => {
  const written: number[][] = [];
  const write = (items: readonly number[]): Promise<unknown> => {
    if (items.includes(0)) throw new Error('nothing is there to be written');
    written.push([...items]);
    return database.query('insert into things (id) select unnest($1::integer[])', [items]);
  };
  const stored = async (): Promise<number[]> =>
    (await database.query<{ id: number }>('select id from things where id > 100 order by id')).map(({ id }) => id);

  it('is written in one go with all of the transaction, in it, and at once where there is none', async () => {
    await database.transaction(async () => {
      await database.atCommit(write, [101]);
      await database.atCommit(write, [102, 103]);
      expect(written).toEqual([]);
    });
    await database.atCommit(write, [104]);
    expect(written.splice(0)).toEqual([[101, 102, 103], [104]]);
    expect(await stored()).toEqual([101, 102, 103, 104]);
  });

  it('goes with a part that is undone, and with a transaction that is run again', async () => {
    let rounds = 0;
    await database.transaction(async () => {
      await database.atCommit(write, [105]);
      const part = database.savepoint(async () => {
        await database.atCommit(write, [106]);
        throw new Error('undone');
      });
      await expect(part).rejects.toThrow('undone');
      if (++rounds === 1) throw new RunAgain();
    });
    expect(written.splice(0)).toEqual([[105]]);
    expect(await stored()).toEqual([101, 102, 103, 104, 105]);
  });

  it('undoes the whole when it fails', async () => {
    const failing = database.transaction(async () => {
      await database.query('insert into things (id) values (107)');
      await database.atCommit(write, [105]);
    });
    await expect(failing).rejects.toThrow('duplicate key');
    const unable = database.transaction(async () => {
      await database.query('insert into things (id) values (108)');
      await database.atCommit(write, [0]);
    });
    await expect(unable).rejects.toThrow('nothing is there');
    expect(await stored()).toEqual([101, 102, 103, 104, 105]);
  });
});
