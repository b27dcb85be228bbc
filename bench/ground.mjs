// What all sides stand on: one PostgreSQL on a disk, with fsync as it comes, and a database for each.
import { mkdtempSync, chmodSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../scripts/postgres/server.mjs';

const { Client } = createRequire(import.meta.url)('pg');

/**
 * @typedef {object} Ground
 * @property {import('../scripts/postgres/server.mjs').PostgresServer} server
 * @property {string} directory where its processes run
 * @property {(name: string) => Promise<string>} createDatabase answers its URL
 * @property {(url: string, statement: string, values?: unknown[]) => Promise<any[]>} query
 * @property {() => Promise<() => Promise<void>>} holdSnapshot until what it answers is called
 * @property {() => Promise<void>} end
 */

/** @returns {Promise<Ground>} */
export async function startGround() {
  // Not in memory, where the tests' databases lie: what is told to be stored must have reached a disk.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'miyabi-bench-')));
  chmodSync(directory, 0o711);
  try {
    const server = await startPostgres({ dataDirectory: join(directory, 'postgres') });
    let databases = 0;
    const urls = [];
    return {
      server,
      directory,
      query,
      async createDatabase(name) {
        const database = `bench_${name}_${++databases}`;
        await query(server.url, `create database ${database}`);
        const url = server.url.replace(/[^/]+$/, database);
        urls.push(url);
        return url;
      },
      async holdSnapshot() {
        // In each database, as each has its own.
        const clients = await Promise.all(urls.map(openSnapshot));
        return async () => void (await Promise.all(clients.map((client) => client.end())));
      },
      async end() {
        await server.stop();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

async function openSnapshot(url) {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select count(*) from pg_class');
  return client;
}

async function query(url, statement, values = []) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}
