import { signInPerson, type TestPerson } from './fleet.js';
import { bulk, statusesOf } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';
const MIB = 1024 * 1024;

let server: TestApp;
let ada: TestPerson;

beforeAll(async () => {
  server = await startTestApp();
  ada = await signInPerson(server);
});
afterAll(() => server.close());

const refusal = async (tasks: unknown) => {
  const { status, body } = await ada.post('/tasks/bulk', { tasks });
  const fields = (body['errors'] as { field: string }[] | undefined)?.map(({ field }) => field) ?? [];
  return [`${String(status)} ${String(body['code'])}`, ...fields].join(' ');
};
const note = (fields: object = {}) => ({ name: 'x', agent_type: 'note', ...fields });
const count = async () => (await server.sql.query('select 1 from tasks')).rowCount;

describe('a task', () => {
  it('keeps its budget, key and wishes exactly, and gives them back as they came', async () => {
    const wishes = {
      concurrency_key: 'deploy',
      use_worktree: false,
      auto_pr: true,
      max_cost_usd: 999999.123457,
      max_tokens: Number.MAX_SAFE_INTEGER,
      depends_on: [],
    };
    const { body } = await ada.post('/tasks', note(wishes));
    const { depends_on: _, ...kept } = wishes;
    expect(body).toMatchObject({ ...kept, usage: null });
    expect((await ada.get(`/tasks/${String(body['id'])}`)).body).toMatchObject(kept);
    const smallest = await ada.post('/tasks', note({ max_cost_usd: 0.000001, max_tokens: 1 }));
    expect(smallest.body).toMatchObject({ max_cost_usd: 0.000001, max_tokens: 1 });
    expect((await ada.post('/tasks', note())).body).toMatchObject({
      concurrency_key: null,
      use_worktree: true,
      auto_pr: false,
      max_cost_usd: null,
      max_tokens: null,
    });
  });

  it.each([
    ['max_cost_usd', [0, -1, 1_000_000.000001, 0.0000001, 1.1234567, '1', null, 1e300, 1e-7]],
    ['max_tokens', [0, 1.5, 2 ** 53, -1, '1', null]],
    ['concurrency_key', ['', ' ', 'x'.repeat(256), 1, null]],
    ['use_worktree', [0, 'true', null]],
    ['auto_pr', [1, 'false', null]],
    ['depends_on', ['x', [1], ['x'], [null], [[NOBODY]], null, {}]],
  ])('is refused with a %s that is none', async (field, values) => {
    for (const value of values) {
      const { status, body } = await ada.post('/tasks', note({ [field]: value }));
      const named = ((body['errors'] ?? []) as { field: string }[]).map((fault) => fault.field.split('[')[0]);
      expect([value, status, ...named]).toEqual([value, 400, field]);
    }
  });
});

describe('tasks created together', () => {
  it('are there in their order, with what they depend on by ref or by id', async () => {
    const first = await ada.task();
    const made = await bulk(ada, [
      { ref: 'deploy', name: 'deploy', depends_on: ['tests', 'build'] },
      { ref: 'build', name: 'build' },
      { ref: 'tests', name: 'tests', depends_on: ['build', first] },
    ]);
    expect(made.map(({ name, status }) => [name, status])).toEqual([
      ['deploy', 'blocked'],
      ['build', 'pending'],
      ['tests', 'blocked'],
    ]);
    const [deploy, build, tests] = made.map(({ id }) => id);
    const waits = async (id = '') =>
      ((await ada.get(`/tasks/${id}/dependencies`)).body.items as { id: string }[]).map((task) => task.id);
    expect([await waits(deploy), await waits(tests)]).toEqual([
      [tests, build],
      [build, first],
    ]);
  });

  it('are all there or none, and a fault names its task', async () => {
    const before = await count();
    const foreign = await (await signInPerson(server)).task();
    const wrong: [unknown, string][] = [
      [[note(), note({ name: ' ' })], '400 request/invalid tasks[1].name'],
      [[note(), note(), note({ novel: 1 })], '400 request/invalid tasks[2].novel'],
      [[note({ metadata: [] })], '400 request/invalid tasks[0].metadata'],
      [[note(), note({ agent_type: 'nobody' })], '400 task/unknown-agent-type tasks[1].agent_type'],
      [[note(), note({ repository_id: NOBODY })], '400 task/unknown-repository tasks[1].repository_id'],
      [[note(), { name: 'x', agent_type: 'script' }], '400 task/script-without-command tasks[1].metadata.command'],
      [[note({ ref: 'a' }), note(), note({ ref: 'a' })], '400 task/duplicate-ref tasks[2].ref'],
      [[note(), note({ depends_on: ['b'] })], '400 task/unknown-dependency tasks[1].depends_on'],
      [[note({ depends_on: [NOBODY] })], '400 task/unknown-dependency tasks[0].depends_on'],
      [[note(), note({ depends_on: [foreign] })], '400 task/unknown-dependency tasks[1].depends_on'],
      [[note({ ref: ' a' })], '400 request/invalid tasks[0].ref'],
      [[note({ ref: 'x'.repeat(101) })], '400 request/invalid tasks[0].ref'],
      [[note(), note({ ref: 'a', depends_on: ['a'] })], '409 task/dependency-cycle tasks[1].depends_on'],
      [[], '400 request/invalid tasks'],
      [undefined, '400 request/invalid tasks'],
      [{}, '400 request/invalid tasks'],
      [[1], '400 request/invalid tasks[0]'],
      [Array.from({ length: 1001 }, () => note()), '400 request/invalid tasks'],
    ];
    for (const [tasks, expected] of wrong) expect(await refusal(tasks)).toBe(expected);
    expect(await count()).toBe((before ?? 0) + 1);
  });

  it('that would wait for each other are refused by their refs', async () => {
    const { status, body } = await ada.post('/tasks/bulk', {
      tasks: [
        note(),
        note({ ref: 'a', name: 'A', depends_on: ['c'] }),
        note({ ref: 'b', name: 'B', depends_on: ['a'] }),
        note({ ref: 'c', name: 'C', depends_on: ['b'] }),
      ],
    });
    expect([status, body['code'], body['cycle']]).toEqual([409, 'task/dependency-cycle', ['a', 'c', 'b', 'a']]);
    expect(body['detail']).toBe('These tasks would wait for each other: A → C → B → A.');
  });

  it('keep free-form metadata to the letter, each its own', async () => {
    const metadata = { constructor: { __proto__x: 1 }, hasOwnProperty: [1.5, 'ü', null], '': { nested: [[{}]] } };
    const made = await bulk(ada, [{ metadata }, {}, { metadata: { a: 1 } }]);
    const kept = await Promise.all(made.map(async ({ id }) => (await ada.get(`/tasks/${id}`)).body['metadata']));
    expect(kept).toEqual([metadata, {}, { a: 1 }]);
  });

  it('may come in a body of up to 8 MiB', async () => {
    const send = (bytes: number) => {
      const part = 'x'.repeat(190_000);
      const tasks = Array.from({ length: Math.floor(bytes / 190_100) }, () => note({ description: part }));
      return ada.post('/tasks/bulk', { tasks });
    };
    expect((await send(8 * MIB - 100_000)).status).toBe(201);
    expect((await send(8.5 * MIB)).body['code']).toBe('request/too-large');
    expect(
      (await ada.post('/tasks', note({ description: 'x'.repeat(190_000), metadata: { a: 'x'.repeat(MIB) } }))).status,
    ).toBe(413);
  });

  it('of a thousand are there with few statements, and say how long that took', async () => {
    const tasks = Array.from({ length: 1000 }, (_, at) => ({
      ref: `r${String(at)}`,
      agent_type: at % 2 === 0 ? 'note' : 'codegen',
      required_labels: [`zone=${String(at % 5)}`],
      ...(at % 10 === 9 && { concurrency_key: `key ${String(at % 100)}` }),
      ...(at % 4 === 3 && { depends_on: [`r${String(at - 1)}`, `r${String(at - 2)}`] }),
    }));
    const statements = await statementsOf(() => bulk(ada, tasks));
    process.stdout.write(`bulk of 1000: ${String(statements.ms)} ms, ${String(statements.count)} statements\n`);
    expect(statements.count).toBeLessThan(300);
    const ids = statements.result.map(({ id }) => id);
    const found = await statusesOf(server, ids);
    expect(found.filter((status) => status === 'blocked')).toHaveLength(250);
    expect(new Set(ids).size).toBe(1000);
  });
});

/** What something costs, by the server's own database connections. */
async function statementsOf<T>(work: () => Promise<T>): Promise<{ result: T; count: number; ms: number }> {
  const { database } = server;
  const whole = Reflect.get(database, 'execute') as (...parameters: unknown[]) => unknown;
  let counted = 0;
  Object.assign(database, {
    execute: (...parameters: unknown[]) => {
      counted += 1;
      return whole.apply(database, parameters);
    },
  });
  const began = performance.now();
  try {
    const result = await work();
    return { result, count: counted, ms: Math.round(performance.now() - began) };
  } finally {
    Reflect.deleteProperty(database, 'execute');
  }
}
