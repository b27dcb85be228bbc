import type { TestPerson, TestWorker } from './fleet.js';
import type { TestApp } from './test-app.js';

export interface MadeTask {
  id: string;
  name: string;
  status: string;
}

/** Creates tasks of the type `note` together. */
export async function bulk(person: TestPerson, tasks: readonly object[]): Promise<MadeTask[]> {
  const { status, body } = await person.post('/tasks/bulk', {
    tasks: tasks.map((task, at) => ({ name: `task ${String(at)}`, agent_type: 'note', ...task })),
  });
  if (status !== 201) throw new Error(`a batch was refused: ${JSON.stringify(body).slice(0, 500)}`);
  return body.items as MadeTask[];
}

/** Tasks that wait for each other in a row, the first one first. */
export const chain = (person: TestPerson, length: number): Promise<MadeTask[]> =>
  bulk(
    person,
    Array.from({ length }, (_, at) => ({
      ref: `r${String(at)}`,
      ...(at > 0 && { depends_on: [`r${String(at - 1)}`] }),
    })),
  );

/** What tasks are, in the order asked for. */
export async function statusesOf(server: TestApp, ids: readonly string[]): Promise<string[]> {
  const { rows } = await server.sql.query<{ id: string; status: string }>(
    'select id, status from tasks where id = any ($1::uuid[])',
    [ids],
  );
  const byId = new Map(rows.map(({ id, status }) => [id, status]));
  return ids.map((id) => byId.get(id) ?? 'gone');
}

/** Claims until the task is there; whatever else is given is handed back at the end. */
export async function claimTask(worker: TestWorker, taskId: string): Promise<string> {
  const others: string[] = [];
  try {
    for (;;) {
      const claims = await worker.claim({ max: 100, wait_seconds: 5 });
      if (claims.length === 0) throw new Error('the task cannot be claimed');
      others.push(...claims.filter((claim) => claim.task_id !== taskId).map((claim) => claim.execution_id));
      const found = claims.find((claim) => claim.task_id === taskId);
      if (found !== undefined) return found.execution_id;
    }
  } finally {
    for (const id of others) await worker.finish(id, { outcome: 'released' });
  }
}

/** Claims a task and ends the attempt in this way. */
export async function end(worker: TestWorker, taskId: string, outcome: object): Promise<void> {
  const { status, body } = await worker.finish(await claimTask(worker, taskId), outcome);
  if (status !== 200) throw new Error(`finish was answered with ${String(status)} ${JSON.stringify(body)}`);
}

export const SUCCESS = { outcome: 'completed' };
/** An attempt after which no other one follows. */
export const FAILURE = { outcome: 'failed', failure_reason: 'policy', retryable: false };

export interface ActionReceipt {
  matched: number;
  changed: number;
  refused: { id: string; code: string }[];
}

/** Acts on many tasks, with as many requests as that takes. */
export async function actOn(person: TestPerson, wish: object): Promise<ActionReceipt> {
  const sum: ActionReceipt = { matched: 0, changed: 0, refused: [] };
  for (let cursor: string | null | undefined; cursor !== null;) {
    const { status, body } = await person.post('/tasks/actions', { ...wish, ...(cursor !== undefined && { cursor }) });
    if (status !== 200) throw new Error(`an action was refused: ${JSON.stringify(body)}`);
    const part = body as unknown as ActionReceipt & { next_cursor: string | null };
    sum.matched += part.matched;
    sum.changed += part.changed;
    sum.refused.push(...part.refused);
    cursor = part.next_cursor;
  }
  return sum;
}
