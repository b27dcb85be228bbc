import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../ids.js';
import { pause } from './patience.js';
import { findProcess, processTable, type ProcessEntry } from './process-table.js';
import { endTree, findTree, type ProcessMarks } from './process-tree.js';

/** Starts a shell script as an agent is started, and waits until it says that all of its processes are there. */
async function startTree(script: string): Promise<{ marks: ProcessMarks; child: ChildProcess }> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'tree-')));
  const executionId = newId();
  const child = spawn('bash', ['-c', `${script}\necho ready\nwait`], {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], MIYABI_EXECUTION_ID: executionId },
  });
  await once(child.stdout, 'data');
  return { marks: { executionId, directory, leader: child.pid ?? null }, child };
}

/** Nobody can wait out this grace: a test that comes to its end has not. */
const ENDLESS_MS = 3_600_000;

const isAlive = (pid: number): boolean => findProcess(pid) !== null;
const markOf = ({ executionId }: ProcessMarks): string => `MIYABI_EXECUTION_ID=${executionId}`;

/** Waits for processes of the execution that have a session of their own. */
async function daemonsOf(
  marks: ProcessMarks,
  isReady: (entry: ProcessEntry) => boolean = () => true,
): Promise<number[]> {
  for (;;) {
    const found = processTable()
      .filter((entry) => entry.hasVariable(markOf(marks)) || entry.directory() === marks.directory)
      .filter((entry) => entry.session !== marks.leader && isReady(entry));
    if (found.length > 0) return found.map(({ pid }) => pid);
    await pause(10);
  }
}

describe('endTree', () => {
  const left: ProcessMarks[] = [];
  const start = async (script: string): Promise<ProcessMarks> => {
    const { marks } = await startTree(script);
    left.push(marks);
    return marks;
  };

  afterAll(async () => {
    for (const marks of left) {
      await endTree(marks, 0);
      await rm(marks.directory, { recursive: true, force: true });
    }
  });

  it('ends a willing process with TERM, long before the grace is over', async () => {
    const marks = await start('sleep 300 &');
    await expect(endTree(marks, ENDLESS_MS)).resolves.toEqual([]);
    expect(findTree(marks)).toEqual([]);
  });

  it('ends grandchildren that ignore TERM', async () => {
    const marks = await start(`trap '' TERM; bash -c "trap '' TERM; (trap '' TERM; sleep 300) & sleep 300" &`);
    while (findTree(marks).length < 3) await pause(10);
    await expect(endTree(marks, 200)).resolves.toEqual([]);
    expect(findTree(marks)).toEqual([]);
  });

  it('ends a process that left the session and lost its parents', async () => {
    const marks = await start(`(setsid bash -c "trap '' TERM HUP; sleep 300; sleep 300" >/dev/null 2>&1 &)`);
    const daemons = await daemonsOf(marks);
    await expect(endTree(marks, 100)).resolves.toEqual([]);
    expect(daemons.filter(isAlive)).toEqual([]);
  });

  it('ends a daemon that went elsewhere, by the mark in its environment', async () => {
    const marks = await start(`(cd /; setsid sleep 300 >/dev/null 2>&1 &)`);
    const daemons = await daemonsOf(marks);
    await endTree(marks, 100);
    expect(daemons.filter(isAlive)).toEqual([]);
  });

  it('ends a daemon that also cleared its environment, by where it works', async () => {
    const marks = await start(`(setsid env -i /bin/sleep 300 >/dev/null 2>&1 &)`);
    const daemons = await daemonsOf(marks, (entry) => !entry.hasVariable(markOf(marks)));
    await endTree(marks, 100);
    expect(daemons.filter(isAlive)).toEqual([]);
  });

  it('ends processes that keep forking while they are ended', async () => {
    const marks = await start(
      `trap '' TERM; spin() { while :; do (trap '' TERM; sleep 0.05; sleep 60) & sleep 0.01; done; }; spin &`,
    );
    await expect(endTree(marks, 100)).resolves.toEqual([]);
    expect(findTree(marks)).toEqual([]);
  });

  it('cuts the grace short when hurried', async () => {
    const marks = await start(`trap '' TERM; sleep 300 &`);
    const hurry = new AbortController();
    const ended = endTree(marks, ENDLESS_MS, hurry.signal);
    hurry.abort();
    await ended;
    expect(findTree(marks)).toEqual([]);
  });

  it('leaves a neighbour alone', async () => {
    const neighbour = await start('sleep 300 &');
    await endTree(await start('sleep 300 &'), 1000);
    expect(findTree(neighbour)).toHaveLength(2);
  });

  it('does not take this process for one of the tree', async () => {
    const marks = await start('sleep 300 &');
    expect(findTree({ ...marks, directory: process.cwd() })).not.toContain(process.pid);
  });
});
