import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { WorkerSlot } from './worker-slot.js';

interface Line {
  msg: string;
  wait_ms?: number;
  reason?: string;
}

describe('WorkerSlot', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'slot-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** A worker that ends with these exit codes, one after the other; the last one is to be 0. */
  async function run(codes: readonly number[], waits: { first: number; longest: number; settled: number }) {
    const count = join(directory, 'count');
    const program = `const fs = require('node:fs'); fs.appendFileSync(${JSON.stringify(count)}, '.');
      process.exit(${JSON.stringify(codes)}[fs.readFileSync(${JSON.stringify(count)}, 'utf8').length - 1]);`;
    const lines: Line[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
    const command = [process.execPath, '-e', program];
    const slot = new WorkerSlot({ name: 'w-1', command, environment: () => process.env, log, waits });
    const inOrder = await slot.run(new AbortController().signal);
    const starts = readFileSync(count, 'utf8').length;
    return { inOrder, starts, waited: lines.flatMap(({ wait_ms }) => wait_ms ?? []) };
  }

  it('starts a worker again that fails, after ever longer waits, and not one that ends in order', async () => {
    const { inOrder, starts, waited } = await run([1, 7, 1, 1, 1, 0], { first: 8, longest: 64, settled: 1e9 });
    expect([inOrder, starts, waited.length]).toEqual([true, 6, 5]);
    // Each is between a half and the whole of what doubles.
    for (const [at, most] of [8, 16, 32, 64, 64].entries()) {
      expect(waited[at]).toBeGreaterThanOrEqual(most / 2);
      expect(waited[at]).toBeLessThanOrEqual(most);
    }
  });

  it('begins anew with a short wait when a worker has lived for a good while', async () => {
    const { waited } = await run([1, 1, 1, 1, 0], { first: 8, longest: 10_000, settled: 0 });
    expect(Math.max(...waited)).toBeLessThanOrEqual(8);
  });

  it('says why a worker cannot be started, and tries on until it is to stop', async () => {
    const stopping = new AbortController();
    const lines: Line[] = [];
    const log = pino(
      {},
      {
        write: (line: string) => {
          lines.push(JSON.parse(line) as Line);
          if (lines.length === 4) stopping.abort();
        },
      },
    );
    const slot = new WorkerSlot({
      name: 'w-1',
      command: [join(directory, 'missing')],
      environment: () => process.env,
      log,
      waits: { first: 2, longest: 2, settled: 1e9 },
    });
    expect(await slot.run(stopping.signal)).toBe(false);
    expect(lines[0]).toMatchObject({
      msg: 'the worker cannot be started',
      reason: expect.stringContaining('ENOENT') as unknown,
    });
  });
});
