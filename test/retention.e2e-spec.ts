import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DutiesService } from '../src/duties/duties.service.js';
import { EventRetentionDuty } from '../src/events/event-retention.duty.js';
import { RetentionDuty } from '../src/executions/retention.duty.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let person: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp({ TASK_RETENTION_DAYS: '30', LOG_RETENTION_DAYS: '10', EVENT_RETENTION_DAYS: '10' });
  person = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(() => server.close());

const run = (duty: typeof RetentionDuty | typeof EventRetentionDuty): Promise<void> =>
  server.app.get(DutiesService).runOnce(server.app.get(duty, { strict: false }));

const count = async (what: string): Promise<number> =>
  (await server.sql.query<{ n: number }>(`select count(*)::int as n from ${what}`)).rows[0]?.n ?? 0;

/** A finished task with a log, that ended some days ago. */
async function finished(days: number, lines = 3): Promise<{ task: string; execution: string }> {
  const task = await person.task();
  const [claimed] = await worker.claim();
  const execution = String(claimed?.execution_id);
  await worker.post(`/executions/${execution}/logs`, {
    offset: 0,
    entries: Array.from({ length: lines }, (_, at) => ({ message: `line ${String(at)}` })),
  });
  await worker.finish(execution, { outcome: 'completed' });
  await server.sql.query(`update tasks set completed_at = now() - make_interval(days => $2) where id = $1`, [
    task,
    days,
  ]);
  await server.sql.query(
    `update agent_executions set started_at = started_at - make_interval(days => $2),
       finished_at = finished_at - make_interval(days => $2) where id = $1`,
    [execution, days],
  );
  return { task, execution };
}

/** Gives an execution so many log entries more, from a number on. */
const lengthen = (execution: string, lines: number, from = 1) =>
  server.sql.query(
    `insert into execution_logs (execution_id, seq, level, stream, message, logged_at)
     select $1, n, 'info', 'stdout', 'x', now() from generate_series($3::int, $3 + $2 - 1) n`,
    [execution, lines, from],
  );

/** Runs the duty until it has nothing left to do: one that is busy elsewhere does not get through at once. */
const runThrough = async (): Promise<void> => {
  do await run(RetentionDuty);
  while ((await count('removed_logs')) > 0);
};

it('lets logs leave before their tasks, tells of it, and keeps what is young', async () => {
  const young = await finished(9);
  const aged = await finished(11);
  const old = await finished(31);
  await runThrough();
  expect(await count(`execution_logs where execution_id = '${young.execution}'`)).toBe(3);
  expect(await count(`execution_logs where execution_id in ('${aged.execution}', '${old.execution}')`)).toBe(0);
  expect((await person.get(`/tasks/${aged.task}`)).status).toBe(200);
  expect((await person.get(`/executions/${aged.execution}`)).body).toMatchObject({
    log_entries: 3,
    logs_removed_at: expect.stringMatching(/Z$/),
  });
  expect((await person.get(`/executions/${young.execution}`)).body).toMatchObject({ logs_removed_at: null });
  expect((await person.get(`/executions/${aged.execution}/logs`)).body).toMatchObject({ items: [], complete: true });
  expect((await person.get(`/tasks/${old.task}`)).status).toBe(404);
  expect((await person.get(`/executions/${old.execution}`)).status).toBe(404);
});

it('keeps a finished task that an unfinished one waits for', async () => {
  const { task } = await finished(40);
  const waiting = await person.task({ run_at: new Date(Date.now() + 3_600_000).toISOString() });
  await server.sql.query('insert into task_dependencies (task_id, depends_on_id, place) values ($1, $2, 1)', [
    waiting,
    task,
  ]);
  await run(RetentionDuty);
  expect((await person.get(`/tasks/${task}`)).status).toBe(200);
  await person.post(`/tasks/${waiting}/cancel`);
  await run(RetentionDuty);
  expect((await person.get(`/tasks/${task}`)).status).toBe(404);
});

it('empties a long log in statements that each remove so many entries at the most', async () => {
  const { task, execution } = await finished(31, 1);
  const other = await finished(31, 2);
  await lengthen(execution, 12_000);
  const before = await count('execution_logs');
  // Each statement leaves its count.
  await server.sql.query(`
    create table removals (entries bigint);
    create function count_removals() returns trigger language plpgsql as $$
    begin insert into removals select count(*) from gone; return null; end $$;
    create trigger removals after delete on execution_logs referencing old table as gone
    for each statement execute function count_removals()`);
  await runThrough();
  expect(before - (await count('execution_logs'))).toBe(12_003);
  const { rows } = await server.sql.query<{ entries: string }>('select entries from removals where entries > 0');
  expect(Math.max(...rows.map(({ entries }) => Number(entries)))).toBe(5000);
  await server.sql.query('drop table removals; drop function count_removals() cascade');
  for (const id of [task, other.task]) expect((await person.get(`/tasks/${id}`)).status).toBe(404);
});

it('a task is deleted at once however long its log is, which leaves afterwards', async () => {
  const { task, execution } = await finished(1, 1);
  await lengthen(execution, 12_000);
  // A gap, which nothing should have made, keeps nothing from leaving.
  await lengthen(execution, 1, 100_000);
  expect((await person.delete(`/tasks/${task}`)).status).toBe(204);
  expect((await person.get(`/executions/${execution}/logs`)).status).toBe(404);
  expect(await count(`execution_logs where execution_id = '${execution}'`)).toBe(12_002);
  await runThrough();
  expect(await count(`execution_logs where execution_id = '${execution}'`)).toBe(0);
});

it('lets old events leave from the front and keeps the others in their places', async () => {
  await person.get('/events?limit=1');
  const all = await count('events');
  expect(all).toBeGreaterThan(5);
  await server.sql.query(
    `update events set created_at = now() - interval '11 days'
     where position in (select position from events order by position limit 3)`,
  );
  await run(EventRetentionDuty);
  expect(await count('events')).toBe(all - 3);
  expect(await count(`events where created_at < now() - interval '10 days'`)).toBe(0);
});

it('is not held up by who works on what is young', async () => {
  await finished(31, 1);
  const { execution } = await finished(1, 1);
  const blocker = server.sql;
  await blocker.query('begin');
  // Somebody holds the execution of a young task; the old ones leave all the same.
  await blocker.query('select 1 from agent_executions where id = $1 for update', [execution]);
  await run(RetentionDuty);
  await blocker.query('rollback');
  expect(await count(`tasks where completed_at < now() - interval '30 days'`)).toBe(0);
});
