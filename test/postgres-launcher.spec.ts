import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findProcess } from '../scripts/processes.mjs';
import { startPostgres, type PostgresServer } from '../scripts/postgres/server.mjs';

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('the embedded PostgreSQL', () => {
  it('serves with a password of its own and is gone when stopped', async () => {
    const server = await start(newDirectory());
    expect(await rows(server.url, 'select upper($1) as name', ['é'])).toEqual([{ name: 'É' }]);
    const withoutPassword = server.url.replace(/:[^:@]+@/, ':wrong@');
    await expect(rows(withoutPassword, 'select 1')).rejects.toMatchObject({ code: '28P01' });

    await server.stop();
    await server.stop();

    expect(findProcess(server.pid)).toBeNull();
    await expect(rows(server.url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('keeps rows, password and port from one start to the next', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    await rows(first.url, 'create table kept as select 42 as answer');
    await first.stop();

    const second = await start(directory);

    expect(second.url).toBe(first.url);
    expect(await rows(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it('moves to another port when its own is taken', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    await first.stop();
    const squatter = await start(newDirectory(), { port: first.port });

    const second = await start(directory);

    expect(squatter.port).toBe(first.port);
    expect(second.port).not.toBe(first.port);
    expect(await rows(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('recovers every committed row after the server was killed', async () => {
    const directory = newDirectory();
    const first = await start(directory, { fsync: true });
    await rows(first.url, 'create table kept as select generate_series(1, 1000) as n');
    process.kill(first.pid, 'SIGKILL');
    await first.ended;

    const second = await start(directory);

    expect(await rows(second.url, 'select count(*)::int as count from kept')).toEqual([{ count: 1000 }]);
  });

  it('starts over a pid file whose process is dead', async () => {
    const server = await start(await directoryWithPidFile(await deadPid()));
    expect(await rows(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('starts over a pid file whose number now belongs to a stranger of the same account, and leaves it alone', async () => {
    const stranger = spawn('sleep', ['600'], { ...(await serverAccount()), cwd: '/', stdio: 'ignore' });
    cleanUps.push(() => void stranger.kill('SIGKILL'));
    await once(stranger, 'spawn');

    const server = await start(await directoryWithPidFile(stranger.pid!));

    expect(await rows(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });

  it('starts over a pid file whose process is a zombie', async () => {
    // The shell becomes a `sleep`, which never asks for its ended child: that stays a zombie of the server's account.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], {
      ...(await serverAccount()),
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    cleanUps.push(() => void parent.kill('SIGKILL'));
    const [pid] = (await once(parent.stdout, 'data')) as [Buffer];

    const server = await start(await directoryWithPidFile(Number(pid)));

    expect(await rows(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('replaces a live server whose starter was killed, and keeps its rows', async () => {
    const directory = newDirectory();
    const pid = await startAndKillStarter(directory);
    expect(findProcess(pid)).not.toBeNull();

    const server = await start(directory);

    expect(findProcess(pid)).toBeNull();
    expect(await rows(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('keeps the data when the file with the password was lost', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    await rows(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    rmSync(join(directory, 'connection.json'));

    const second = await start(directory);

    expect(await rows(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'postgres launcher '));
  // Root runs the server as another account, which must be able to pass.
  chmodSync(directory, 0o711);
  cleanUps.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'data');
}

async function start(dataDirectory: string, options: { port?: number; fsync?: boolean } = {}): Promise<PostgresServer> {
  const server = await startPostgres({ dataDirectory, fsync: false, ...options });
  cleanUps.push(() => server.stop());
  return server;
}

/** One stopped cluster for all that only need one to start in: making it is the slow part. */
let stopped: { directory: string; cluster: string } | undefined;

async function stoppedCluster(): Promise<{ directory: string; cluster: string }> {
  if (stopped) return stopped;
  const directory = mkdtempSync(join(tmpdir(), 'postgres launcher '));
  chmodSync(directory, 0o711);
  const { cluster, stop } = await startPostgres({ dataDirectory: directory, fsync: false });
  await stop();
  stopped = { directory, cluster };
  return stopped;
}

afterAll(() => {
  if (stopped) rmSync(stopped.directory, { recursive: true, force: true });
});

/** A stopped cluster with the pid file that a crash would have left. */
async function directoryWithPidFile(pid: number): Promise<string> {
  const { directory, cluster } = await stoppedCluster();
  const file = join(cluster, 'postmaster.pid');
  writeFileSync(file, `${pid}\n${cluster}\n1\n5432\n\n127.0.0.1\n        1         1\nready   \n`);
  const { uid, gid } = statSync(cluster);
  if (process.getuid!() === 0) chownSync(file, uid, gid);
  return directory;
}

/** The account that servers run as here, in the form that `spawn` takes. */
async function serverAccount(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid!() !== 0) return {};
  const { uid, gid } = statSync((await stoppedCluster()).cluster);
  return { uid, gid };
}

async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid!;
}

/** @returns the pid of the server that is left */
async function startAndKillStarter(dataDirectory: string): Promise<number> {
  const launcher = new URL('../scripts/postgres/server.mjs', import.meta.url).href;
  const program = `
    const { startPostgres } = await import(${JSON.stringify(launcher)});
    const { pid } = await startPostgres({ dataDirectory: process.argv[1], fsync: false });
    console.log(pid);
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = (await once(starter.stdout, 'data')) as [Buffer];
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  return Number(output);
}

async function rows(url: string, sql: string, parameters: unknown[] = []): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // A server that is killed under an open connection reports it here; the test looks at the next start.
  client.on('error', () => undefined);
  try {
    return (await client.query(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}
