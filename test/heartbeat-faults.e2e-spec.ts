import type { Engine } from './engine.js';
import { registerWorker, type TestPerson } from './fleet.js';
import type { TestApp } from './test-app.js';
import { openServer, WAYS, type WorkerWay } from './worker-ways.js';

let server: TestApp;
let ada: TestPerson;
let engine: Engine;

beforeAll(async () => {
  ({ server, ada, engine } = await openServer());
});
afterAll(() => server.close());

describe.each(WAYS)('a heartbeat with faults over %s', (_, open) => {
  let way: WorkerWay;

  beforeAll(async () => {
    way = await open(server, { labels: ['faulty'] });
  });
  afterAll(() => way.close());

  async function running(): Promise<{ execution: string }> {
    await engine.task({ required_labels: ['faulty'] });
    const [claimed] = (await way.claim({})).body['executions'] as { execution: { id: string } }[];
    return { execution: claimed?.execution.id ?? '' };
  }

  it('renews what a heartbeat lists whatever is wrong in it, and names that', async () => {
    const { execution } = await running();
    const { execution: second } = await running();
    const ends = `select count(*)::integer as renewed from leases where execution_id = any ($1) and expires_at > now()`;
    const renewed = async (): Promise<number> =>
      (await server.sql.query<{ renewed: number }>(ends, [[execution, second]])).rows[0]?.renewed ?? 0;
    await server.sql.query('update leases set expires_at = now() where execution_id = any ($1)', [[execution, second]]);
    const { status, body } = await way.heartbeat({
      metrics: { cpu_usage: 101, memory_usage: 50, disk_usage: 'full' },
      launchers: [{ name: 'claude', version: 7 }, 5],
      executions: [
        { id: execution, progress: 101, message: 'a\u0000b', usage: { input_tokens: -1, output_tokens: 5 } },
        { id: 'nonsense', progress: 5 },
        5,
        { id: second, progress: 7, usage: 'much' },
      ],
    });
    expect(status).toBe(200);
    const ignored = body['ignored'] as { id: string | null; field: string; message: string }[];
    expect(ignored.map(({ id, field }) => `${id ?? 'it'}: ${field}`).sort()).toEqual(
      [
        ...['progress', 'message', 'usage.input_tokens'].map((field) => `${execution}: ${field}`),
        ...['nonsense: id', 'it: executions', `${second}: usage`],
        ...['it: metrics.cpu_usage', 'it: metrics.disk_usage', 'it: launchers[0].version', 'it: launchers[1]'],
      ].sort(),
    );
    for (const { message } of ignored) expect(message.length).toBeGreaterThan(5);
    expect(await renewed()).toBe(2);
    expect((await ada.get(`/executions/${execution}`)).body).toMatchObject({
      progress: null,
      usage: { output_tokens: 5 },
    });
    expect((await ada.get(`/executions/${second}`)).body).toMatchObject({ progress: 7 });
    const { metrics, launchers } = (await ada.get(`/workers/${way.worker.id}`)).body;
    expect([metrics, launchers]).toMatchObject([{ memory_usage: 50 }, [{ name: 'claude' }]]);
    // Whatever it is, as long as it is an object.
    const odd = await way.heartbeat({ metrics: 5, launchers: 'all', executions: { a: 1 }, pause: 1, stop: [] });
    expect(odd).toMatchObject({ status: 200, body: { desired_status: 'active' } });
    expect(await way.heartbeat({ launchers: null, executions: [] })).toMatchObject({ status: 200 });
    for (const id of [execution, second]) await way.finish(id, { outcome: 'completed' });
  });

  it('leaves a worker the launchers it has told when nothing of a new list can be read', async () => {
    const told = async (launchers: unknown): Promise<[unknown, string[]]> => {
      const { body } = await way.heartbeat({ launchers, executions: [] });
      const ignored = (body['ignored'] ?? []) as { field: string }[];
      const seen = (await ada.get(`/workers/${way.worker.id}`)).body['launchers'] as { name: string }[];
      return [seen.map(({ name }) => name), ignored.map(({ field }) => field)];
    };
    expect(await told([{ name: 'codex' }, { name: 'claude' }])).toEqual([['codex', 'claude'], []]);
    const unreadable = [
      ['codex', 'claude'],
      ['launchers', 'launchers[0].name', 'launchers[1]'],
    ];
    expect(await told([{ name: 7 }, 'claude'])).toEqual(unreadable);
    expect(await told(Array.from({ length: 100 }, () => 5))).toMatchObject([['codex', 'claude'], { 0: 'launchers' }]);
    expect(await told([{ name: 7 }, { name: 'qwen' }])).toEqual([['qwen'], ['launchers[0].name']]);
    // Who has none says so.
    expect(await told([])).toEqual([[], []]);
  });
});

describe('an exchange with faults', () => {
  it('leaves out what is wrong with the usage of the machine, and names it', async () => {
    const worker = await registerWorker(server);
    const metrics = { cpu_usage: 101, memory_usage: 40 };
    const { status, body } = await worker.post(`/workers/${worker.id}/exchange`, { metrics });
    expect([status, body['ignored']]).toMatchObject([200, [{ id: null, field: 'metrics.cpu_usage' }]]);
    expect((await ada.get(`/workers/${worker.id}`)).body).toMatchObject({ metrics: { memory_usage: 40 } });
    expect((await worker.post(`/workers/${worker.id}/exchange`, { metrics: 'many' })).body).toMatchObject({
      ignored: [{ id: null, field: 'metrics' }],
    });
  });
});
