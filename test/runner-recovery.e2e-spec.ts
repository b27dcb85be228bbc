import { sendSignal } from '../scripts/processes.mjs';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Installation } from './installation.js';
import { ask, Person, type Answer, type Execution, type Task } from './person.js';
import { processesWith } from './processes.js';
import { git } from './scratch-git.js';

/** Says where it is, then waits to be let through; what it does then is its result. */
const WAITING = `echo begun; setsid sleep 1000 & until [ -e "$GATE" ]; do sleep 0.05; done
  kill $!; echo "$MIYABI_EXECUTION_ID" >> "$GATE"; echo by "$MIYABI_EXECUTION_ID" > result.txt; echo through`;

/** Where nothing but the workers themselves may end an attempt, and where silence soon does. */
let patient: Installation;
let hasty: Installation;

beforeAll(async () => {
  [patient, hasty] = await Promise.all([Installation.start(), Installation.start({ LEASE_SECONDS: '5' })]);
});
afterAll(() => Promise.all([patient, hasty].map((installation) => installation.close())));

/** A person, a repository and a task that waits for a gate; each case works in an organization of its own. */
async function story(installation: Installation, name: string) {
  const person = await Person.signIn(installation);
  const repository = await person.repository(name);
  const gate = join(installation.scratch.directory('gates'), name);
  const script = installation.script(WAITING, { GATE: gate });
  return {
    person,
    mirror: join(installation.mirrors, `${repository.id}.git`),
    gate,
    mark: script.mark,
    taskId: await person.create({ name: `Wait ${name}`, repository_id: repository.id, ...script }),
    alive: () => installation.alive(script.mark),
    openGate: () => writeFileSync(gate, ''),
  };
}

/** What one attempt after another has to come to: the last one's result, and no trace of another's. */
async function expectOneResult({ person, taskId, gate, mirror }: Awaited<ReturnType<typeof story>>): Promise<void> {
  const task = await person.ended(taskId);
  expect(task).toMatchObject({ status: 'completed', result: { commits: 1 }, error_message: null });
  const last = (await person.executions(taskId)).at(-1)!;
  expect(last).toMatchObject({ id: task.current_execution_id, status: 'completed' });
  expect(readFileSync(gate, 'utf8')).toBe(`${last.id}\n`);
  expect(git(mirror, 'show', `${last.branch}:result.txt`)).toBe(`by ${last.id}`);
  expect(git(mirror, 'for-each-ref', '--format=%(objectname)', 'refs/heads/task')).toBe(last.commit_sha);
  expect(await person.output(last.id)).toEqual(['begun', 'through']);
}

it.concurrent('a worker that was killed and comes back ends its orphans and does the task again', async () => {
  const told = await story(patient, 'back');
  const { person, taskId } = told;
  const worker = patient.startRunner('back', person.ownWorker);
  const first = await person.started(taskId, 'begun');
  await worker.kill();
  // The command lives on without its runner.
  expect(told.alive().length).toBeGreaterThan(1);
  const orphans = told.alive();

  patient.startRunner('back', person.ownWorker);
  const second = await person.see(
    async () => (await person.executions(taskId)).at(1),
    (execution) => execution !== undefined,
  );
  await person.started(taskId, 'begun');
  expect(told.alive().filter((pid) => orphans.includes(pid))).toEqual([]);
  told.openGate();
  await expectOneResult(told);
  expect(await person.executions(taskId)).toMatchObject([
    { id: first.id, attempt: 1, status: 'released' },
    { id: second?.id, attempt: 2, status: 'completed' },
  ]);
  // A worker's end is not the task's fault.
  expect(await person.task(taskId)).toMatchObject({ retry_count: 0 });
  const kept = join(patient.workerDirectory('back'), 'executions', first.id, 'kept.txt');
  expect(readFileSync(kept, 'utf8')).toContain('the worker ended in the middle of this execution');
  expect(told.alive()).toEqual([]);
});

it.concurrent('another worker does the task of one that was killed and stays away', async () => {
  const told = await story(hasty, 'away');
  const { person, taskId } = told;
  const worker = hasty.startRunner('away-1', person.ownWorker);
  const first = await person.started(taskId, 'begun');
  await worker.kill();

  hasty.startRunner('away-2', person.ownWorker);
  await person.see(
    async () => (await person.executions(taskId)).length,
    (count) => count === 2,
  );
  const second = await person.started(taskId, 'begun');
  expect(second.worker_id).not.toBe(first.worker_id);
  // On this machine the orphan lives on; elsewhere it would be out of reach as well, and must not matter.
  expect(told.alive().length).toBeGreaterThan(0);
  for (const pid of told.alive().filter((one) => !isOf(one, second.id))) sendSignal(pid, 'SIGKILL');
  told.openGate();
  await expectOneResult(told);
  expect(await person.executions(taskId)).toMatchObject([
    { id: first.id, status: 'failed', failure_reason: 'worker_lost' },
    { id: second.id, status: 'completed' },
  ]);
  expect(await person.task(taskId)).toMatchObject({ retry_count: 1 });
});

it.concurrent('a worker that is stopped hands its task back and leaves nothing running', async () => {
  const told = await story(patient, 'stopped');
  const { person, taskId } = told;
  const worker = patient.startRunner('stopped', person.ownWorker);
  const execution = await person.started(taskId, 'begun');
  expect(told.alive().length).toBeGreaterThan(1);

  expect(await worker.stop()).toEqual({ code: 0, signal: null });
  expect(told.alive()).toEqual([]);
  expect(await person.task(taskId)).toMatchObject({ status: 'pending', retry_count: 0, worker_id: null });
  expect(await person.execution(taskId)).toMatchObject({ id: execution.id, status: 'released' });
  expect(await person.output(execution.id)).toEqual(['begun']);
  const directory = join(patient.workerDirectory('stopped'), 'executions', execution.id);
  expect(existsSync(directory)).toBe(false);
});

it.concurrent('a late worker changes nothing: neither result nor log nor progress', async () => {
  const person = await Person.signIn(hasty);
  const taskId = await person.create({ name: 'Contested', agent_type: 'codegen' });
  const [late, owner] = [await rawWorker(person, 'late'), await rawWorker(person, 'owner')];
  const stale = await late.claim();
  await late.post(`/executions/${stale}/logs`, { offset: 0, entries: [{ message: 'before' }] });
  // No heartbeat: the sweep ends the lease.
  await person.taskThatIs(taskId, 'pending');
  const current = await owner.claim();
  expect(current).not.toBe(stale);
  await owner.beat(current);

  const picture = async (): Promise<unknown> => [
    await person.task(taskId),
    (await person.executions(taskId)).map(({ lease_expires_at: _, ...execution }) => execution),
    await person.log(stale),
    await person.log(current),
  ];
  const before = await picture();
  const words: [string, object][] = [
    ['finish', { outcome: 'completed', result: { by: 'late' } }],
    ['finish', { outcome: 'failed', failure_reason: 'agent_error' }],
    ['logs', { offset: 1, entries: [{ message: 'after' }] }],
    ['progress', { progress: 99, message: 'nearly' }],
  ];
  for (const [verb, body] of words)
    expect(await late.post(`/executions/${stale}/${verb}`, body)).toMatchObject({
      status: 409,
      body: { code: 'execution/lease-lost' },
    });
  await owner.beat(current);
  // Nor does it get at the attempt of the other one.
  expect(await late.post(`/executions/${current}/finish`, { outcome: 'completed' })).toMatchObject({ status: 404 });
  await owner.beat(current);
  expect(await late.beat(stale)).toMatchObject({ status: 200, body: { lost: [stale] } });
  expect(await picture()).toEqual(before);
  const { items } = await person.get<{ items: { type: string }[] }>(
    `/events?task_id=${taskId}&types=execution.stale_write`,
  );
  expect(items).toHaveLength(1);

  await owner.beat(current);
  const result = { outcome: 'completed', result: { by: 'owner' } };
  const first = await owner.post(`/executions/${current}/finish`, result);
  const again = await owner.post(`/executions/${current}/finish`, result);
  expect(first.status).toBe(200);
  expect(again).toEqual(first);
  expect(await owner.post(`/executions/${current}/finish`, { outcome: 'failed' })).toMatchObject({
    status: 409,
    body: { code: 'execution/already-finished' },
  });
  expect(await person.task(taskId)).toMatchObject({ status: 'completed', result: { by: 'owner' } });
});

/** A worker that speaks the protocol by hand, and beats only when told to. */
async function rawWorker(person: Person, name: string) {
  const { worker, token } = await person.post<{ worker: { id: string }; token: string }>('/workers', { name });
  const post = (path: string, body: object): Promise<Answer> => ask(hasty.url, token, 'POST', path, body);
  return {
    id: worker.id,
    post,
    beat: (id: string): Promise<Answer> => post(`/workers/${worker.id}/heartbeat`, { executions: [{ id }] }),
    /** The execution that a claim gave. */
    claim: async (): Promise<string> => {
      const { body } = await post(`/workers/${worker.id}/claim`, { wait_seconds: 20 });
      const [given] = body['executions'] as { execution: Execution; task: Task }[];
      return String(given?.execution.id);
    },
  };
}

/** Whether a process was started by an execution, or descends from one that was. */
const isOf = (pid: number, executionId: string): boolean =>
  processesWith(`MIYABI_EXECUTION_ID=${executionId}`).includes(pid);
