import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProcess, processTable } from '../src/runner/process-table.js';
import { Machine, type RunningCommand } from './command-line.js';
import { eventually } from './eventually.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { processesWith } from './processes.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let machine: Machine;

beforeAll(async () => {
  server = await startTestApp({ HEARTBEAT_SECONDS: '1', RETRY_BASE_SECONDS: '0.1' });
  ada = await signInPerson(server);
  const { body } = await ada.post('/api-keys', { name: 'host', permissions: ['coordinators.register'] });
  machine = new Machine({
    MIYABI_URL: server.url,
    MIYABI_KEY: String(body['secret']),
    MIYABI_LABELS: 'host',
    ALLOW_ISOLATION_NONE: 'on',
    AGENT_ISOLATION: 'none',
    DISK_MIN_FREE: '0',
    TERM_GRACE_SECONDS: '0.3',
  });
});
afterAll(async () => {
  await machine.remove();
  await server.close();
});

const directory = () => join(machine.home, '.local/share/miyabi/coordinator');
const start = (workers = 2): RunningCommand =>
  machine.start(['coordinator', '--name', 'host', '--workers', String(workers), '--capacity', '1']);

interface Shown {
  id: string;
  status: string;
  workers: { total: number; active: number; healthy: number };
  metrics: Record<string, number> | null;
}

const shown = async (): Promise<Shown> => ((await ada.get('/coordinators')).body.items as [Shown])[0];

const hasHealthy = (count: number) =>
  eventually(`${String(count)} workers were healthy`, async () => {
    const [first] = (await ada.get('/coordinators')).body.items as Shown[];
    return first?.status === 'active' && first.workers.healthy === count;
  });

const workerNamed = async (name: string) => {
  const items = (await ada.get('/workers?limit=100')).body.items as { id: string; name: string; status: string }[];
  return items.find((one) => one.name === name)!;
};

/** The process that works in the directory of a worker. */
function workerProcess(number: number): number | null {
  const path = join(directory(), 'workers', String(number), 'runner.lock');
  if (!existsSync(path)) return null;
  const { pid } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number };
  return findProcess(pid) === null ? null : pid;
}

/** Whatever was started with the home of the machine: the coordinator, its workers, their agents. */
const processes = (): number[] => processesWith(`HOME=${machine.home}`);

const give = (script: string): Promise<string> =>
  ada.task({ agent_type: 'script', required_labels: ['host'], metadata: { command: ['bash', '-c', script] } });

const isAt = (task: string, status: string) =>
  eventually(`the task was ${status}`, async () => (await ada.get(`/tasks/${task}`)).body['status'] === status);

async function cancel(task: string): Promise<void> {
  expect((await ada.post(`/tasks/${task}/cancel`, {})).status).toBeLessThan(300);
  await isAt(task, 'cancelled');
}

describe('the process of a coordinator', () => {
  it('runs workers that do what there is to do, and reports its host', async () => {
    const running = start();
    await running.says('the coordinator is registered');
    await hasHealthy(2);
    for (const task of [await give('true'), await give('true'), await give('true')]) await isAt(task, 'completed');
    // Neither can be known with the first heartbeat.
    await eventually('it reported the way to the server and how busy the host is', async () => {
      const { metrics } = await shown();
      return metrics?.['network_latency_ms'] !== undefined && metrics['cpu_usage'] !== undefined;
    });
    const coordinator = await shown();
    expect(coordinator).toMatchObject({
      status: 'active',
      health: 'healthy',
      capacity: 2,
      workers: { total: 2, active: 2, healthy: 2 },
      completed_tasks: 3,
      metrics: {
        cpu_usage: expect.any(Number) as unknown,
        memory_usage: expect.any(Number) as unknown,
        disk_usage: expect.any(Number) as unknown,
        uptime_seconds: expect.any(Number) as unknown,
      },
    });
    const { items } = (await ada.get(`/coordinators/${coordinator.id}/workers`)).body;
    expect((items as { name: string }[]).map(({ name }) => name).sort()).toEqual(['host-1', 'host-2']);
    const samples = (await ada.get(`/coordinators/${coordinator.id}/metrics`)).body.items;
    expect(samples).not.toEqual([]);
  });

  it('is one in its directory', async () => {
    const second = await start().ended;
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('is held by process');
  });

  it('starts a worker again that was killed', async () => {
    const killed = workerProcess(1)!;
    process.kill(killed, 'SIGKILL');
    await eventually('another process was in its place', () => ![null, killed].includes(workerProcess(1)));
    await hasHealthy(2);
    await isAt(await give('true'), 'completed');
  });

  it('that is killed has a successor, which waits for the end of what is left', async () => {
    const task = await give('sleep 600');
    await isAt(task, 'running');
    const before = [workerProcess(1), workerProcess(2)];
    const parent = findProcess(before[0]!)!.parent;
    // One of them cannot notice at once.
    process.kill(before[1]!, 'SIGSTOP');
    process.kill(parent, 'SIGKILL');
    const running = start();
    await running.says('waiting for its end');
    expect([workerProcess(2), running.stdout.includes('the coordinator is registered')]).toEqual([before[1], false]);
    process.kill(before[1]!, 'SIGCONT');
    await running.says('the coordinator is registered');
    // Nothing works twice in one directory, under one name.
    expect(before.map((pid) => findProcess(pid!))).toEqual([null, null]);
    await hasHealthy(2);
    // What was cut off was handed back, and runs anew.
    await isAt(task, 'running');
    await cancel(task);

    const last = await give('sleep 1');
    await isAt(last, 'running');
    running.child.kill('SIGTERM');
    // The worker had the time to finish.
    expect((await running.ended).code).toBe(0);
    await isAt(last, 'completed');
    expect(processes()).toEqual([]);
    expect(await shown()).toMatchObject({ status: 'stopped', workers: { total: 2, active: 0 } });
  });

  it('comes back after that, and ends when the server has it drained', async () => {
    const running = start();
    await hasHealthy(2);
    expect((await ada.post(`/coordinators/${(await shown()).id}/drain`, {})).status).toBe(200);
    expect((await running.ended).code).toBe(0);
    expect(processes()).toEqual([]);
  });

  it('leaves no directory of a worker that is no longer run', async () => {
    expect(readdirSync(join(directory(), 'workers')).sort()).toEqual(['1', '2']);
    const running = start(1);
    await running.says('has been removed');
    expect(readdirSync(join(directory(), 'workers'))).toEqual(['1']);
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  it('lets workers rest that were told to end, and ends when all were', async () => {
    const running = start();
    await eventually('both workers were at work', () => workerProcess(1) !== null && workerProcess(2) !== null);
    await eventually('both were active', async () => (await shown()).workers.active === 2);
    await ada.post(`/workers/${(await workerNamed('host-1')).id}/drain`, {});
    await running.says('the worker has ended as it was told to');
    expect(workerProcess(1)).toBeNull();
    await isAt(await give('true'), 'completed');
    await ada.delete(`/workers/${(await workerNamed('host-2')).id}`);
    expect((await running.ended).code).toBe(0);
    expect(running.stdout).not.toContain('it is started again');
    // Nobody need miss it.
    expect(await shown()).toMatchObject({ status: 'stopped' });
    expect(processes()).toEqual([]);
  });

  it('told to stop twice ends what runs, which is handed back', async () => {
    const running = start();
    const task = await give('sleep 600');
    await isAt(task, 'running');
    running.child.kill('SIGTERM');
    await running.says('finishing: the workers end');
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(130);
    expect((await ada.get(`/tasks/${task}`)).body['status']).toBe('pending');
    expect(processes()).toEqual([]);
    await cancel(task);
  });

  it('that dies with its workers leaves agents to its successor, also those of workers it does not have', async () => {
    start();
    await hasHealthy(2);
    const tasks = [await give('exec env LEFT=1 sleep 600'), await give('exec env LEFT=1 sleep 600')];
    for (const task of tasks) await isAt(task, 'running');
    const agents = () => processTable().filter((one) => one.hasVariable('LEFT=1') && processes().includes(one.pid));
    await eventually('both agents were at work', () => agents().length === 2);
    const before = agents().map(({ pid }) => pid);
    const workers = [workerProcess(1)!, workerProcess(2)!];
    const parent = findProcess(workers[0]!)!.parent;
    for (const pid of [parent, ...workers]) process.kill(pid, 'SIGKILL');

    const running = start(1);
    await running.says('left these');
    await eventually('none of their agents was left', () => before.every((pid) => findProcess(pid) === null));
    const executions = join(directory(), 'workers', '2', 'executions');
    const [kept] = readdirSync(executions);
    expect(readFileSync(join(executions, kept!, 'kept.txt'), 'utf8')).toContain('ended in the middle');
    // The server does not miss the worker that is no longer run, nor wait for the end of its lease.
    expect(await workerNamed('host-2')).toMatchObject({ status: 'stopped', active_tasks: 0 });
    await eventually('what it ran was handed back', async () => {
      const states = await Promise.all(tasks.map(async (task) => (await ada.get(`/tasks/${task}`)).body['status']));
      return states.sort().join() === 'pending,running';
    });
    expect(await shown()).toMatchObject({ status: 'active', workers: { total: 2, active: 1 } });
    for (const task of tasks) await ada.post(`/tasks/${task}/cancel`, {});
    running.child.kill('SIGTERM');
    running.child.kill('SIGTERM');
    await running.ended;
    expect(processes()).toEqual([]);
  });

  it('ends in order when it is deleted, and says so', async () => {
    const running = start();
    await hasHealthy(2);
    expect((await ada.delete(`/coordinators/${(await shown()).id}`)).status).toBe(204);
    const { code, stdout } = await running.ended;
    expect([code, stdout]).toEqual([0, expect.stringContaining('has been deleted')]);
    expect(processes()).toEqual([]);
  });
});
