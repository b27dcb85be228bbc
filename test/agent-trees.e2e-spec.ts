import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HEADS, HYDRA } from './hostile-agent.js';
import { Installation } from './installation.js';
import { Person, type Execution } from './person.js';

/** Ends well, but two that ignore TERM stay behind and hold its output open, one of them far from the checkout. */
const LEAVING = `
(trap '' TERM; exec setsid sleep 1000) &
exec 3>&1
read -r line < <(setsid bash -c 'trap "" TERM; cd /; echo daemon; exec >&3; sleep 1000')
echo root and $line`;

/** Also pays for the claim and the checkout. */
const TIMEOUT_SECONDS = 6;

let installation: Installation;
let ada: Person;
let cancelled: Tree;
let late: Tree;
let leaving: Tree;

/** A task, and the mark that all its processes carry. */
interface Tree {
  taskId: string;
  mark: string;
}

beforeAll(async () => {
  installation = await Installation.start();
  ada = await Person.signIn(installation);
  installation.startRunner('w1');
  const plant = async (name: string, script: ReturnType<Installation['script']>, more = {}): Promise<Tree> => ({
    taskId: await ada.create({ name, ...script, ...more }),
    mark: script.mark,
  });
  cancelled = await plant('Hydra', installation.script(HYDRA));
  late = await plant('Forever', installation.script(HYDRA), { timeout_seconds: TIMEOUT_SECONDS, max_retries: 1 });
  leaving = await plant('Leave something', installation.script(LEAVING));
});
afterAll(() => installation.close());

/** Resolves when every head has said that it runs. */
async function raised(taskId: string): Promise<Execution> {
  const execution = await ada.started(taskId, 'root');
  await ada.see(
    () => ada.output(execution.id),
    (output) => HEADS.every((name) => output.includes(name)),
  );
  return execution;
}

describe('a command with descendants that ignore TERM', () => {
  let execution: Execution;
  let answer: { status: number; body: Record<string, unknown> };
  let aliveThen: number;
  let survivors: number[];

  beforeAll(async () => {
    const { taskId, mark } = cancelled;
    execution = await raised(taskId);
    aliveThen = installation.alive(mark).length;
    answer = await ada.ask('POST', `/tasks/${taskId}/cancel`, { reason: 'Enough.' });
    await ada.ended(taskId);
    survivors = installation.alive(mark);
  });

  it('is asked to end when its task is cancelled', () => {
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ status: 'running' });
    expect(answer.body['cancel_requested_at']).not.toBeNull();
  });

  it('has not one process left when the task is cancelled', () => {
    expect(aliveThen).toBeGreaterThanOrEqual(HEADS.length);
    expect(survivors).toEqual([]);
  });

  it('ends as cancelled, and is not tried again', async () => {
    const { taskId } = cancelled;
    expect(await ada.task(taskId)).toMatchObject({ status: 'cancelled', retry_count: 0, failure_reason: null });
    expect(await ada.execution(taskId)).toMatchObject({ id: execution.id, status: 'cancelled', failure_reason: null });
  });

  it('keeps what it had said', async () => {
    expect((await ada.output(execution.id)).sort()).toEqual([...HEADS].sort());
  });
});

describe('a command that takes too long', () => {
  beforeAll(() => ada.ended(late.taskId));

  it('is ended with every descendant', async () => {
    for (const { id } of await ada.executions(late.taskId)) expect(await ada.output(id)).toContain('root');
    expect(installation.alive(late.mark)).toEqual([]);
  });

  it('is tried again as often as allowed, and has then failed by time', async () => {
    const task = await ada.task(late.taskId);
    expect(task).toMatchObject({ status: 'failed', failure_reason: 'timeout', retry_count: 1 });
    const executions = await ada.executions(late.taskId);
    expect(executions).toMatchObject([
      { attempt: 1, status: 'failed', failure_reason: 'timeout' },
      { attempt: 2, status: 'failed', failure_reason: 'timeout' },
    ]);
    for (const { started_at: from, finished_at: to } of executions)
      expect(Date.parse(to!) - Date.parse(from)).toBeGreaterThanOrEqual(TIMEOUT_SECONDS * 1000);
  });

  it('says after how long', async () => {
    const { error_message: message } = await ada.task(late.taskId);
    expect(message).toMatch(/^Not done within 6 s\./);
  });
});

describe('a command whose descendants stay behind', () => {
  it('is completed, and what it left is ended', async () => {
    expect(await ada.ended(leaving.taskId)).toMatchObject({ status: 'completed' });
    const { id } = await ada.execution(leaving.taskId);
    expect(await ada.output(id)).toEqual(['root and daemon']);
    expect(installation.alive(leaving.mark)).toEqual([]);
  });
});

describe('what was ended', () => {
  it('does not come back', () => {
    for (const { mark } of [cancelled, late, leaving]) expect(installation.alive(mark)).toEqual([]);
  });
});
