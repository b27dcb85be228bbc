import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { figure } from '../../test/figures.js';
import { PATIENCE_MS, size } from '../../test/scale.js';
import { newId } from '../ids.js';
import { runAgent, type AgentPlan } from './agent-process.js';
import { LogSpool } from './log-spool.js';
import { findProcess } from './process-table.js';
import { findTree } from './process-tree.js';

const never = new AbortController().signal;

describe('runAgent', () => {
  let directory: string;
  let lines: string[];
  beforeEach(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'agent-')));
    lines = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const plan = (script: string, given: Partial<AgentPlan> = {}): AgentPlan => ({
    argv: ['bash', '-c', script],
    checkout: directory,
    directory,
    executionId: newId(),
    taskId: newId(),
    program: 'bash',
    confirms: false,
    environment: { PATH: process.env['PATH'] ?? '' },
    variables: {},
    graceMs: 200,
    onLines: (stream, more) => {
      lines.push(...more.map((line) => `${stream}: ${line}`));
      return Promise.resolve();
    },
    onStart: () => Promise.resolve(),
    signal: never,
    hurry: never,
    ...given,
  });
  const leftOf = ({ executionId }: AgentPlan): number[] => findTree({ executionId, directory, leader: null });

  it('tells the exit code and every line, the last one without a line feed included', async () => {
    const end = await runAgent(plan('echo one; printf two; echo three >&2; exit 7'));
    expect(end).toEqual({ exitCode: 7, endedBy: null, survivors: [] });
    expect(lines.sort()).toEqual(['stderr: three', 'stdout: one', 'stdout: two']);
  });

  it('gives the agent the allow-list and the two ids, and nothing else', async () => {
    process.env['MIYABI_KEY'] = 'never to be seen';
    const one = plan('env; readlink /proc/self/fd/0');
    await runAgent(one);
    const names = lines.map((line) => line.replace(/^stdout: /, '').replace(/=.*/, ''));
    expect(new Set(names)).toEqual(
      new Set(['PATH', 'MIYABI_EXECUTION_ID', 'MIYABI_TASK_ID', 'PWD', 'SHLVL', '_', '/dev/null']),
    );
  });

  it('says that the program is missing', async () => {
    await expect(runAgent(plan('', { argv: ['no-such-program-at-all'] }))).rejects.toMatchObject({
      reason: 'agent_missing',
      message: 'There is no program no-such-program-at-all on this worker.',
    });
    await expect(runAgent(plan('', { argv: ['/etc/passwd'] }))).rejects.toMatchObject({ reason: 'agent_missing' });
  });

  it('says that a brief is too long for a command line, and that trying again is of no use', async () => {
    await expect(runAgent(plan('', { argv: ['true', 'x'.repeat(300_000)] }))).rejects.toMatchObject({
      reason: 'agent_error',
      retryable: false,
      message: 'The brief does not fit into a command line: 300004 bytes.',
    });
  });

  it('ends what a finished agent left behind, and does not wait for its pipes', async () => {
    const one = plan(`(setsid bash -c "trap '' TERM HUP; while :; do sleep 0.1; done" &) ; echo done`);
    expect((await runAgent(one)).exitCode).toBe(0);
    expect(lines).toEqual(['stdout: done']);
    expect(leftOf(one)).toEqual([]);
  });

  it('ends the whole tree when asked to, also one that ignores it', async () => {
    const stop = new AbortController();
    const one = plan(`trap '' TERM; bash -c "trap '' TERM; sleep 300" & (setsid sleep 300 &); echo ready; wait`, {
      signal: stop.signal,
      onLines: () => {
        stop.abort();
        return Promise.resolve();
      },
    });
    const end = await runAgent(one);
    expect(end).toMatchObject({ endedBy: 'SIGKILL', exitCode: null, survivors: [] });
    expect(leftOf(one)).toEqual([]);
  });

  it('lets an agent end in its own way within the grace', async () => {
    const stop = new AbortController();
    const one = plan(`trap 'echo saving; exit 3' TERM; echo ready; while :; do sleep 0.05; done`, {
      signal: stop.signal,
      graceMs: 10_000,
      onLines: (_, more) => {
        lines.push(...more);
        stop.abort();
        return Promise.resolve();
      },
    });
    expect((await runAgent(one)).exitCode).toBe(3);
    expect(lines).toContain('saving');
  });

  it('tells pid and start of the process, by which a later run finds it', async () => {
    let told = { pid: 0, started: '' };
    let found = '';
    await runAgent(
      plan('until [ -e gate ]; do sleep 0.05; done', {
        onStart: (process) => {
          told = process;
          found = findProcess(process.pid)?.started ?? 'gone';
          return writeFile(join(directory, 'gate'), '');
        },
      }),
    );
    expect(told.started).toBe(found);
    expect(findProcess(told.pid)?.started).not.toBe(told.started);
  });

  it('ends the agent when its output can no longer be kept', async () => {
    const one = plan('while :; do echo more; done', { onLines: () => Promise.reject(new Error('ENOSPC')) });
    await expect(runAgent(one)).rejects.toThrow('ENOSPC');
    expect(leftOf(one)).toEqual([]);
  });

  it(
    'takes any amount of output without keeping it in memory',
    async () => {
      const spool = await LogSpool.open(join(directory, 'log'));
      const before = liveMemory();
      let most = before;
      let measuredAt = 0;
      const entry = { level: 'info', stream: 'stdout', logged_at: '' } as const;
      const bytes = size({ full: 1_000_000_000, short: 200_000_000 });
      await runAgent(
        plan(`yes "${'0123456789'.repeat(20)}" | head -c ${String(bytes)}`, {
          onLines: async (_, more) => {
            await spool.append(more.map((message) => ({ ...entry, message })));
            if (spool.count - measuredAt < 200_000) return;
            measuredAt = spool.count;
            most = Math.max(most, liveMemory());
          },
        }),
      );
      expect(measuredAt).toBeGreaterThan(600_000);
      expect(spool.count).toBe(Math.ceil(bytes / 201));
      await spool.close();
      const grown = Math.round((most - before) / 1024 / 1024);
      figure(19, `MiB by which memory grew at ${String(bytes / 1_000_000)} MB of output`, grown);
      expect(grown).toBeLessThan(60);
    },
    PATIENCE_MS,
  );
});

/** Bytes that are in use once the garbage is gone; what a process holds of the system tells more of its collector. */
function liveMemory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
