import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { Lifecycle } from '../src/http/lifecycle.js';
import { HintsService } from '../src/events/hints.service.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { bulk, claimTask, end, FAILURE, SUCCESS } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

interface TaskPage {
  items: { id: string; name: string }[];
  next_cursor: string | null;
}

/** Nobody who waits looks by themselves: a wait of 25 seconds that ends before was woken. */
const settings = { JWT_SECRET: randomBytes(32).toString('base64'), WAIT_LOOK_SECONDS: '600' };
let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp(settings);
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(() => server.close());

/** Every name of a list, read page by page. */
async function namesOf(person: TestPerson, query: string): Promise<string[]> {
  const names: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = (await person.get(`/tasks?limit=2&${query}${cursor && `&cursor=${cursor}`}`))
      .body as unknown as TaskPage;
    names.push(...page.items.map(({ name }) => name));
    cursor = page.next_cursor;
  }
  return names;
}

describe('the list of tasks in the order of the queue', () => {
  it('has the pending ones as they will be served, page by page', async () => {
    const person = await signInPerson(server);
    const soon = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
    await bulk(person, [
      { name: 'e', run_at: soon(20) },
      { name: 'b', priority: 'P1' },
      { name: 'c', priority: 'P1', run_at: soon(5) },
      { name: 'd' },
      { name: 'f', run_at: soon(30) },
      { name: 'a', priority: 'P0', run_at: soon(60) },
      { name: 'g', ref: 'g', run_at: soon(40) },
      { name: 'blocked', depends_on: ['g'] },
    ]);
    expect(await namesOf(person, 'order=queue')).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(await namesOf(person, 'order=queue&priority=P1')).toEqual(['b', 'c']);
    expect(await namesOf(person, 'order=queue&status=blocked')).toEqual([]);
    expect(await namesOf(person, 'order=created')).toEqual(['blocked', 'g', 'a', 'f', 'd', 'c', 'b', 'e']);
    expect(await namesOf(person, '')).toEqual(await namesOf(person, 'order=created'));
  });

  it('takes no cursor of the other order, and gives none to it', async () => {
    const person = await signInPerson(server);
    await bulk(person, [{}, {}, {}]);
    const cursorOf = async (query: string) => String((await person.get(`/tasks?limit=1&${query}`)).body['next_cursor']);
    const [created, queue] = [await cursorOf('order=created'), await cursorOf('order=queue')];
    for (const query of [`order=queue&cursor=${created}`, `order=created&cursor=${queue}`, `cursor=${queue}`]) {
      const { status, body } = await person.get(`/tasks?${query}`);
      expect([query, status, (body['errors'] as { field: string }[])[0]?.field]).toEqual([query, 400, 'cursor']);
    }
    expect((await person.get(`/executions?cursor=${queue}`)).status).toBe(400);
    expect((await person.get('/tasks?order=random')).status).toBe(400);
  });

  it('is read by an index, however many wait', async () => {
    const person = await signInPerson(server);
    await person.task();
    await server.sql.query(
      `insert into tasks (id, organization_id, actor, name, status, agent_type, lane_id)
       select gen_random_uuid(), organization_id, actor, 'one', 'pending', agent_type, lane_id
       from (select * from tasks where organization_id = $1 limit 1) one, generate_series(1, 20000)`,
      [person.organization_id],
    );
    await server.sql.query('analyze tasks');
    const { rows } = await server.sql.query<{ 'QUERY PLAN': string }>(
      `explain select * from tasks
       where organization_id = '${person.organization_id}' and status = 'pending'
         and (priority, run_at, id) > ('P1', now(), '${NOBODY}') order by priority, run_at, id limit 21`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('tasks_queue_page_idx');
    expect(plan).not.toContain('Sort');
  });
});

describe('the history of a task', () => {
  it('has its events, oldest first, page by page, and its attempts', async () => {
    const id = await ada.task({ max_retries: 3 });
    await ada.task();
    const first = await claimTask(worker, id);
    await worker.finish(first, { outcome: 'released' });
    const second = await claimTask(worker, id);
    await worker.finish(second, SUCCESS);
    const types: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await ada.get(`/tasks/${id}/events?limit=2${cursor && `&cursor=${cursor}`}`);
      const page = body as unknown as {
        items: { type: string; subject: { task_id: string } }[];
        next_cursor: string | null;
      };
      expect(page.items.every(({ subject }) => subject.task_id === id)).toBe(true);
      types.push(...page.items.map(({ type }) => type));
      cursor = page.next_cursor;
    }
    const attempt = ['task.started', 'execution.started', 'execution.finished'];
    expect(types).toEqual(['task.created', ...attempt, 'task.retried', ...attempt, 'task.completed']);
    const { body } = await ada.get(`/tasks/${id}/executions`);
    expect((body.items as { id: string }[]).map((execution) => execution.id)).toEqual([second, first]);
    for (const cursor of ['abc', 'WyJldmVudHMiLCJ4Il0', 'WzFd'])
      expect((await ada.get(`/tasks/${id}/events?cursor=${cursor}`)).status).toBe(400);
  });

  it('is found by an index, however many events there are', async () => {
    const id = await ada.task();
    await server.sql.query(
      `insert into events (organization_id, type, actor, subject, data, created_at)
       select $1, 'task.updated', '{}', jsonb_build_object('task_id', gen_random_uuid()), '{}', now()
       from generate_series(1, 20000)`,
      [ada.organization_id],
    );
    await server.sql.query('analyze events');
    const { rows } = await server.sql.query<{ 'QUERY PLAN': string }>(
      `explain select position from events
       where organization_id = '${ada.organization_id}' and position > 0
         and (null::text[] is null or type = any(null)) and ('${id}'::text is null or subject->>'task_id' = '${id}')
       order by position limit 21`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('events_task_idx');
  });
});

describe('a read that waits for the end of a task', () => {
  const read = async (url: string, path: string, signal?: AbortSignal) => {
    const began = performance.now();
    const answer = await fetch(`${url}/api/v1${path}`, {
      headers: { authorization: `Bearer ${ada.token}` },
      ...(signal && { signal }),
    });
    const body = (await answer.json()) as { status: string | number; code?: string };
    return { status: answer.status, body, ms: performance.now() - began };
  };
  const listeners = (app: TestApp['app'], id: string) =>
    (Reflect.get(app.get(HintsService), 'emitter') as EventEmitter).listenerCount(`task:${id}`);
  /** Resolves when somebody listens for changes of the task. */
  const isWaitedFor = (app: TestApp['app'], id: string) => eventually('somebody waits', () => listeners(app, id) > 0);

  it.each([
    ['completes', (id: string) => end(worker, id, SUCCESS), 'completed'],
    ['fails', (id: string) => end(worker, id, FAILURE), 'failed'],
    ['is cancelled', (id: string) => ada.post(`/tasks/${id}/cancel`, {}), 'cancelled'],
  ])('answers when it %s', async (_, finish, status) => {
    const id = await ada.task();
    const waiting = read(server.url, `/tasks/${id}?wait_seconds=25&until=final`);
    await isWaitedFor(server.app, id);
    await finish(id);
    expect(await waiting).toMatchObject({ status: 200, body: { status } });
    expect((await waiting).ms).toBeLessThan(20_000);
    expect((await read(server.url, `/tasks/${id}?wait_seconds=25`)).ms).toBeLessThan(20_000);
  });

  it('is woken by another process, and by what happens to a task behind others', async () => {
    const second = await startTestApp(settings, server);
    try {
      const [a, b] = await bulk(ada, [{ ref: 'a', run_at: '2999-01-01T00:00:00Z' }, { depends_on: ['a'] }]);
      const waiting = read(second.url, `/tasks/${b?.id ?? ''}?wait_seconds=25&until=final`);
      await isWaitedFor(second.app, b?.id ?? '');
      await ada.post(`/tasks/${a?.id ?? ''}/cancel`, {});
      expect(await waiting).toMatchObject({ status: 200, body: { status: 'skipped' } });
    } finally {
      await second.close();
    }
  });

  it('answers with the task as it is when the time is over, and at once without one', async () => {
    const id = await ada.task({ run_at: '2999-01-01T00:00:00Z' });
    const answer = await read(server.url, `/tasks/${id}?wait_seconds=1`);
    expect(answer).toMatchObject({ status: 200, body: { status: 'pending' } });
    expect(answer.ms).toBeGreaterThan(950);
    expect((await read(server.url, `/tasks/${id}?until=final`)).body.status).toBe('pending');
    for (const query of ['wait_seconds=26', 'wait_seconds=-1', 'wait_seconds=1.5', 'until=running', 'wait=1'])
      expect([query, (await read(server.url, `/tasks/${id}?${query}`)).status]).toEqual([query, 400]);
  });

  it('is a 404 when the task is deleted meanwhile, and for a stranger at once', async () => {
    const id = await ada.task({ run_at: '2999-01-01T00:00:00Z' });
    const waiting = read(server.url, `/tasks/${id}?wait_seconds=25`);
    await isWaitedFor(server.app, id);
    await ada.delete(`/tasks/${id}`);
    expect(await waiting).toMatchObject({ status: 404, body: { code: 'task/not-found' } });
  });

  it('ends with its socket, and when the server stops', async () => {
    const other = await startTestApp(settings, server);
    const id = await ada.task({ run_at: '2999-01-01T00:00:00Z' });
    const gone = new AbortController();
    const lost = read(other.url, `/tasks/${id}?wait_seconds=25`, gone.signal);
    await isWaitedFor(other.app, id);
    gone.abort();
    await expect(lost).rejects.toThrow();
    await eventually('nobody waits', () => listeners(other.app, id) === 0);
    const waiting = read(other.url, `/tasks/${id}?wait_seconds=25`);
    await isWaitedFor(other.app, id);
    other.app.get(Lifecycle).stop();
    const answer = await waiting;
    expect([answer.status, answer.body.status]).toEqual([200, 'pending']);
    expect(answer.ms).toBeLessThan(20_000);
    await other.close();
  });
});

it('a scheduled task stays scheduled when something else about it changes', async () => {
  const run_at = '2999-01-01T00:00:00.000Z';
  const id = await ada.task({ run_at });
  await ada.patch(`/tasks/${id}`, { name: 'Other', priority: 'P0', required_labels: ['gpu'] });
  const { rows } = await server.sql.query<{ run_at: Date }>('select run_at from queue_entries where task_id = $1', [
    id,
  ]);
  expect(rows[0]?.run_at.toISOString()).toBe(run_at);
});
