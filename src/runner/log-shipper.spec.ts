import { appendFile, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../ids.js';
import { StandInServer } from '../../test/stand-in-server.js';
import { ApiControlPlane } from './api-control-plane.js';
import { LogShipper } from './log-shipper.js';
import { LogSpool } from './log-spool.js';
import { untilAnswered } from './patience.js';
import type { LogEntry } from './protocol.js';

const entry = (message: string): LogEntry => ({
  level: 'info',
  stream: 'stdout',
  message,
  logged_at: '2026-01-01T00:00:00.000Z',
});
const numbered = (from: number, to: number): LogEntry[] =>
  Array.from({ length: to - from }, (_, index) => entry(`line ${String(from + index)}`));
const LIMITS = { entries: 50, bytes: 1024 * 1024, lingerMs: 20 };

describe('spool and shipper', () => {
  let directory: string;
  let server: StandInServer;
  const id = newId();
  const oddities: string[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spool-'));
    server = new StandInServer();
    await server.start();
    oddities.length = 0;
  });
  afterEach(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const openSpool = (): Promise<LogSpool> => LogSpool.open(join(directory, 'log.ndjson'));

  async function shipperOf(spool: LogSpool, limits = LIMITS): Promise<LogShipper> {
    const { signal } = new AbortController();
    const plane = new ApiControlPlane({ url: server.url, key: 'key' }, () => undefined);
    await plane.register({ name: 'w' } as never, signal);
    const patience = { signal, onWait: () => undefined, renew: () => Promise.reject(new Error('no token')) };
    return new LogShipper(
      spool,
      (batch) => untilAnswered(() => plane.sendLogs(id, batch, signal), patience),
      limits,
      (what) => oddities.push(what),
      signal,
    );
  }

  const messages = (): string[] => server.attemptOf(id).log.map(({ message }) => message);
  const expected = (count: number): string[] => numbered(0, count).map(({ message }) => message);

  it('delivers every line once and in order while the server is cut off and answers are lost', async () => {
    const spool = await openSpool();
    const shipper = await shipperOf(spool);
    server.attemptOf(id).log.length = 0;
    server.swallow(/logs$/, 3);
    const running = shipper.run();
    for (let from = 0; from < 1000; from += 100) {
      await spool.append(numbered(from, from + 100));
      if (from === 300) await server.stop();
      if (from === 600) await server.start();
      if (from === 800) {
        await server.stop();
        await server.start();
        server.swallow(/logs$/, 2);
      }
    }
    shipper.close();
    await running;
    expect(messages()).toEqual(expected(1000));
    await spool.close();
  });

  it('goes on where the server says after a crash of the runner, and drops half a line', async () => {
    server.attemptOf(id).log.splice(0, Infinity, ...numbered(0, 7));
    const before = await openSpool();
    await before.append(numbered(0, 20));
    await before.close();
    await appendFile(join(directory, 'log.ndjson'), '{"level":"info","mess');
    const spool = await openSpool();
    expect(spool.count).toBe(20);
    await spool.append(numbered(20, 25));
    const shipper = await shipperOf(spool);
    shipper.close();
    await shipper.run();
    expect(messages()).toEqual(expected(25));
    await spool.close();
  });

  it('goes back when the server has less than it once confirmed', async () => {
    server.attemptOf(id).log.length = 0;
    const spool = await openSpool();
    await spool.append(numbered(0, 120));
    const shipper = await shipperOf(spool);
    const running = shipper.run();
    await server.until(() => messages().length === 120);
    server.attemptOf(id).log.length = 30;
    await spool.append(numbered(120, 130));
    shipper.close();
    await running;
    expect(messages()).toEqual(expected(130));
    await spool.close();
  });

  it('keeps batches below the byte limit', async () => {
    server.attemptOf(id).log.length = 0;
    const spool = await openSpool();
    const large = Array.from({ length: 40 }, (_, index) => entry(String(index).padEnd(60_000, '\u001b')));
    await spool.append(large);
    const sizes: number[] = [];
    const { signal } = new AbortController();
    const plane = new ApiControlPlane({ url: server.url, key: 'key' }, () => undefined);
    await plane.register({ name: 'w' } as never, signal);
    const shipper = new LogShipper(
      spool,
      (batch) => {
        sizes.push(Buffer.byteLength(JSON.stringify(batch)));
        return plane.sendLogs(id, batch, signal);
      },
      { entries: 500, bytes: 1024 * 1024, lingerMs: 20 },
      () => undefined,
      signal,
    );
    shipper.close();
    await shipper.run();
    expect(messages().map((message) => message.trim().slice(0, 2).replace('\u001b', ''))).toEqual(
      large.map((_, index) => String(index)),
    );
    expect(Math.max(...sizes)).toBeLessThan(1024 * 1024 + 1000);
    await spool.close();
  });

  it('does not let one refused entry hold up the others', async () => {
    server.attemptOf(id).log.length = 0;
    const spool = await openSpool();
    await spool.append([...numbered(0, 3), entry('poison'), ...numbered(4, 8)]);
    const shipper = await shipperOf(spool);
    server.refuseEntries = (batch) => batch.entries.some(({ message }) => message === 'poison');
    shipper.close();
    await shipper.run();
    expect(messages()).toHaveLength(8);
    expect(messages()[3]).toBe('(the server refused this line)');
    expect(oddities).toHaveLength(1);
    await spool.close();
  });

  it('ends with the refusal when the execution is lost', async () => {
    const spool = await openSpool();
    await spool.append(numbered(0, 3));
    const shipper = await shipperOf(spool);
    server.lost.add(id);
    await expect(shipper.run()).rejects.toMatchObject({ code: 'execution/lease-lost', status: 409 });
    await spool.close();
  });

  it.each([
    ['emptied', () => truncate(join(directory, 'log.ndjson'))],
    ['cut in the middle of a line', () => truncate(join(directory, 'log.ndjson'), 250)],
  ])('ends when the file was %s by somebody else, and still knows how many entries there were', async (_, harm) => {
    const spool = await openSpool();
    await spool.append(numbered(0, 3));
    const shipper = await shipperOf(spool);
    const running = shipper.run();
    running.catch(() => undefined);
    await server.until(() => messages().length === 3);
    await harm();
    await spool.append(numbered(3, 5));
    shipper.close();
    await expect(running).rejects.toThrow('damaged');
    expect(spool.count).toBe(5);
    expect(messages()).toEqual(expected(3));
    await spool.close();
  });

  it('goes on when somebody removes the file', async () => {
    const spool = await openSpool();
    await spool.append(numbered(0, 3));
    await rm(join(directory, 'log.ndjson'));
    await spool.append(numbered(3, 5));
    const shipper = await shipperOf(spool);
    shipper.close();
    await shipper.run();
    expect(messages()).toEqual(expected(5));
    await spool.close();
  });
});
