import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { Installation } from './installation.js';
import { Person } from './person.js';

let installation: Installation;
let ada: Person;
let sql: pg.Client;
let repository_id: string;

beforeAll(async () => {
  installation = await Installation.start();
  ada = await Person.signIn(installation);
  repository_id = (await ada.repository('project')).id;
  sql = new pg.Client({ connectionString: installation.database.url });
  await sql.connect();
  installation.startRunner('w1');
});
afterAll(async () => {
  await sql.end();
  await installation.close();
});

/** A task that runs a script in the repository. */
const script = (name: string, text: string, more: object = {}): Promise<string> =>
  ada.create({ name, repository_id, ...installation.script(text), ...more });

/** One that does so once others are done, from what these have made. */
async function after(dependencies: readonly string[], text: string): Promise<string> {
  for (const id of dependencies) expect(await ada.ended(id)).toMatchObject({ status: 'completed' });
  const run_at = new Date(Date.now() + 3_600_000).toISOString();
  const id = await script(`after ${randomUUID()}`, text, { run_at, max_retries: 3 });
  for (const [place, dependency] of dependencies.entries())
    await sql.query('insert into task_dependencies (task_id, depends_on_id, place) values ($1, $2, $3)', [
      id,
      dependency,
      place,
    ]);
  await ada.ask('PATCH', `/tasks/${id}`, { run_at: new Date().toISOString() });
  return id;
}

it('a task begins with what the tasks before it have made', async () => {
  const before = await Promise.all([
    script('first', 'echo one > first.txt'),
    script('second', 'echo two > second.txt'),
    script('third', 'true'),
  ]);
  const id = await after(before, 'cat README.md first.txt second.txt; echo more > third.txt');
  expect(await ada.ended(id)).toMatchObject({ status: 'completed', retry_count: 0 });
  const { id: execution } = await ada.execution(id);
  const output = await ada.output(execution);
  expect(output).toEqual(['# project', 'one', 'two']);
});

it('branches that contradict each other end it as a conflict with the files named, and nothing is tried again', async () => {
  const before = await Promise.all([
    script('black', 'echo black > colour.txt; echo a > a.txt'),
    script('white', 'echo white > colour.txt; echo b > b.txt'),
  ]);
  const id = await after(before, 'true');
  const task = await ada.ended(id);
  expect(task).toMatchObject({ status: 'failed', failure_reason: 'merge_conflict', retry_count: 0 });
  expect(task.error_message).toContain('conflicts in colour.txt');
  const { items } = await ada.get<{ items: unknown[] }>(`/executions?task_id=${id}`);
  expect(items).toHaveLength(1);
});
