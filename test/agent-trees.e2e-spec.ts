import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Installation } from './installation.js';
import { Person, type Execution } from './person.js';

/**
 * Every way to get out of reach at once. All ignore TERM; each says under its name that it runs: a child, a grandchild,
 * one in a session of its own and far from the checkout, a double fork that nobody waits for, one with an environment
 * of its own, and one that forks for ever.
 */
const HYDRA = `
trap '' TERM
loop='trap "" TERM; echo $NAME; while :; do sleep 1; done'
NAME=child bash -c "$loop" &
bash -c "trap '' TERM; NAME=grandchild bash -c '$loop' & wait" &
(cd /; NAME=session exec setsid bash -c "$loop") &
( (NAME=orphan setsid bash -c "$loop" &) & )
env -i "PATH=$PATH" "AGENT_MARK=$AGENT_MARK" NAME=stranger setsid bash -c "$loop" &
NAME=forker bash -c 'trap "" TERM; echo $NAME; while :; do sleep 0.2 & sleep 0.1; done' &
echo root
wait
while :; do sleep 1; done`;
const HEADS = ['root', 'child', 'grandchild', 'session', 'orphan', 'stranger', 'forker'];

let installation: Installation;
let ada: Person;

beforeAll(async () => {
  installation = await Installation.start();
  ada = await Person.signIn(installation);
  installation.startRunner('w1');
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
  let script: ReturnType<Installation['script']>;
  let taskId: string;
  let execution: Execution;
  let answer: { status: number; body: Record<string, unknown> };
  let aliveThen: number;
  let survivors: number[];

  beforeAll(async () => {
    script = installation.script(HYDRA);
    taskId = await ada.create({ name: 'Hydra', ...script });
    execution = await raised(taskId);
    aliveThen = installation.alive(script.mark).length;
    answer = await ada.ask('POST', `/tasks/${taskId}/cancel`, { reason: 'Enough.' });
    await ada.ended(taskId);
    survivors = installation.alive(script.mark);
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

  it('leaves no process that comes back', async () => {
    // What slipped past the runner would show itself again within its own rhythm.
    await pause(1500);
    expect(installation.alive(script.mark)).toEqual([]);
  });

  it('ends as cancelled, and is not tried again', async () => {
    expect(await ada.task(taskId)).toMatchObject({ status: 'cancelled', retry_count: 0, failure_reason: null });
    expect(await ada.execution(taskId)).toMatchObject({ id: execution.id, status: 'cancelled', failure_reason: null });
  });

  it('keeps what it had said', async () => {
    expect((await ada.output(execution.id)).sort()).toEqual([...HEADS].sort());
  });
});

describe('a command that takes too long', () => {
  let script: ReturnType<Installation['script']>;
  let taskId: string;

  beforeAll(async () => {
    script = installation.script(HYDRA);
    taskId = await ada.create({ name: 'Forever', timeout_seconds: 2, max_retries: 1, ...script });
    await ada.ended(taskId);
  });

  it('is ended with every descendant', async () => {
    for (const { id } of await ada.executions(taskId)) expect(await ada.output(id)).toContain('root');
    expect(installation.alive(script.mark)).toEqual([]);
  });

  it('is tried again as often as allowed, and has then failed by time', async () => {
    expect(await ada.task(taskId)).toMatchObject({ status: 'failed', failure_reason: 'timeout', retry_count: 1 });
    const executions = await ada.executions(taskId);
    expect(executions).toMatchObject([
      { attempt: 1, status: 'failed', failure_reason: 'timeout' },
      { attempt: 2, status: 'failed', failure_reason: 'timeout' },
    ]);
    for (const { started_at: from, finished_at: to } of executions)
      expect(Date.parse(to!) - Date.parse(from)).toBeGreaterThanOrEqual(2000);
  });

  it('says after how long', async () => {
    const { error_message: message } = await ada.task(taskId);
    expect(message).toMatch(/^Not done within 2 s\./);
  });
});

describe('a command whose descendants stay behind', () => {
  it('is completed, and what it left is ended', async () => {
    const script = installation.script(
      `(trap '' TERM; exec setsid sleep 1000) & setsid bash -c 'cd /; echo daemon; sleep 1000' &
       until [ -n "$(ls "$GATES")" ]; do sleep 0.05; touch "$GATES/open"; done; echo root`,
      { GATES: installation.scratch.directory('gates') },
    );
    const taskId = await ada.create({ name: 'Leave something', ...script });
    expect(await ada.ended(taskId)).toMatchObject({ status: 'completed', result: { summary: expect.anything() } });
    expect(installation.alive(script.mark)).toEqual([]);
  });
});
