import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

interface Fault {
  field: string;
  message: string;
}

let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp({ SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600' });
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(() => server.close());

const note = (fields: object) => ({ name: 'n', agent_type: 'note', ...fields });
const faultsOf = ({ status, body }: Answer): string[] => [
  `${String(status)} ${String(body['code'])}`,
  ...((body['errors'] ?? []) as Fault[]).map(({ field, message }) => `${field}: ${message}`),
];
const refusal = async (answer: Promise<Answer>): Promise<string> => faultsOf(await answer).join('; ');

describe('a field', () => {
  it.each([
    ...['description', 'priority', 'repository_id', 'agent_type', 'issue_number', 'metadata', 'max_retries'],
    ...['timeout_seconds', 'run_at', 'required_labels', 'base_ref'],
  ])('that is optional may be absent but not null: %s', async (field) => {
    const answer = await ada.post('/tasks', note({ [field]: null }));
    expect(faultsOf(answer)).toEqual(['400 request/invalid', expect.stringMatching(`^${field}: .*${field}`)]);
  });

  it('that may be cleared takes null on PATCH, the others do not', async () => {
    const id = await ada.task({ description: 'old' });
    expect((await ada.patch(`/tasks/${id}`, { description: null })).body['description']).toBeNull();
    for (const field of ['name', 'priority', 'metadata', 'run_at', 'max_retries', 'timeout_seconds', 'required_labels'])
      expect(await refusal(ada.patch(`/tasks/${id}`, { [field]: null }))).toMatch(`400 request/invalid; ${field}: `);
  });

  it('that nobody knows is refused by its name, all of them at once', async () => {
    const answer = await ada.post('/tasks', note({ nmae: 'x', status: 'completed', 'a b': 1 }));
    expect(faultsOf(answer)).toEqual([
      '400 request/invalid',
      'nmae: nmae is not a known field',
      'status: status is not a known field',
      'a b: a b is not a known field',
    ]);
    expect(await refusal(ada.get('/tasks?limits=3&page=1'))).toBe(
      '400 request/invalid; limits: limits is not a known field; page: page is not a known field',
    );
  });

  it.each(['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString'])(
    'of the name %s is as unknown as any other',
    async (name) => {
      const body = JSON.parse(`{"name": "n", "agent_type": "note", ${JSON.stringify(name)}: {"a": 1}}`) as object;
      expect(await refusal(ada.post('/tasks', body))).toBe(
        `400 request/invalid; ${name}: ${name} is not a known field`,
      );
      expect(await refusal(ada.get(`/tasks?${name}=1`))).toMatch('400 request/invalid');
    },
  );

  it('that nobody knows is left out and counted on the routes of workers', async () => {
    const beat = await worker.post(`/workers/${worker.id}/heartbeat`, {
      invented: { deep: [1] },
      constructor: 1,
      metrics: { cpu_usage: 3.5, gpu_usage: 9 },
      executions: [],
    });
    expect(beat.status).toBe(200);
    const kept = await ada.get(`/workers/${worker.id}`);
    expect(kept.body['metrics']).toMatchObject({ cpu_usage: 3.5 });
    expect(JSON.stringify(kept.body['metrics'])).not.toContain('gpu_usage');
  });

  it('with a fault is told together with the other faults', async () => {
    const answer = await ada.post('/tasks', { name: ' ', priority: 'P9', max_retries: 26, issue_number: 1.5 });
    const [status, ...fields] = faultsOf(answer).map((fault) => fault.split(':')[0]);
    expect(status).toBe('400 request/invalid');
    expect(fields.sort()).toEqual(['issue_number', 'max_retries', 'name', 'priority']);
  });
});

describe('a text', () => {
  it('is trimmed, and what is blank then is refused', async () => {
    expect((await ada.post('/tasks', note({ name: ' \t Fix it\n ' }))).body['name']).toBe('Fix it');
    for (const name of ['', ' ', '\t\n', '\u00a0\u2003\u3000'])
      expect(await refusal(ada.post('/tasks', note({ name })))).toBe(
        '400 request/invalid; name: name must not be blank',
      );
  });

  it.each(['a', 'ü', '値', '😀', 'e\u0301', '\ufe0f'])('of 255 characters is kept, of 256 refused: %s', async (one) => {
    const letters = [...one].length;
    const longest = one.repeat(255 / letters) + 'x'.repeat(255 % letters);
    const kept = await ada.post('/tasks', note({ name: longest }));
    expect([kept.status, kept.body['name']]).toEqual([201, longest]);
    expect(await refusal(ada.post('/tasks', note({ name: `${longest}y` })))).toBe(
      '400 request/invalid; name: name must have 1 to 255 characters',
    );
  });

  it('with a meaning in SQL or in patterns is only a text', async () => {
    const name = `100%_\\ '; drop table tasks; -- (a+)+$ [`;
    const id = await ada.task({ name });
    await ada.task({ name: '100 other' });
    for (const q of [name, '%_', '\\', "';", '(a+)+$', '[']) expect(await found(q)).toEqual([id]);
    expect(await found('%%%')).toEqual([]);
  });

  const found = async (q: string): Promise<string[]> =>
    ((await ada.get(`/tasks?q=${encodeURIComponent(q)}`)).body.items as { id: string }[]).map(({ id }) => id);

  it.each([17, true, {}, ['a'], [[]]])('is not something else: %j', async (value) => {
    expect(await refusal(ada.post('/tasks', note({ name: value })))).toMatch('400 request/invalid; name: ');
  });
});

describe('a number', () => {
  it.each(['0x10', '1e1', '-1', '0', '101', '', ' 5', '5.0', '+5', '٣', '99999999999999999999', 'NaN', '5&limit=5'])(
    'is refused as limit: %s',
    async (limit) => {
      for (const path of ['/tasks', '/executions', '/workers', '/agents', '/repositories', '/logs', '/events'])
        expect(await refusal(ada.get(`${path}?limit=${encodeURI(limit)}`))).toMatch('400 request/invalid; limit: ');
    },
  );

  it.each([
    ['issue_number', [0, -1, 2 ** 31, 1.5, '7', 9007199254740992]],
    ['max_retries', [-1, 26, 2.5, '3', true]],
    ['timeout_seconds', [0, 86_401, 1e15, '60', []]],
  ])('outside of its range or not whole is refused: %s', async (field, values) => {
    for (const value of values)
      expect(await refusal(ada.post('/tasks', note({ [field]: value })))).toMatch(`400 request/invalid; ${field}: `);
  });

  it('at the end of its range is kept', async () => {
    const { body } = await ada.post(
      '/tasks',
      note({ issue_number: 2 ** 31 - 1, max_retries: 0, timeout_seconds: 86_400 }),
    );
    expect(body).toMatchObject({ issue_number: 2 ** 31 - 1, max_retries: 0, timeout_seconds: 86_400 });
  });

  it('of retries is not below those already made', async () => {
    const id = await ada.task({ priority: 'P0' });
    const [claimed] = await worker.claim();
    const failed = { outcome: 'failed', failure_reason: 'network' };
    expect((await worker.finish(String(claimed?.execution_id), failed)).status).toBe(200);
    expect(await ada.patch(`/tasks/${id}`, { max_retries: 0 })).toMatchObject({
      status: 200,
      body: { max_retries: 1 },
    });
    await ada.post(`/tasks/${id}/cancel`);
  });

  it('of GitHub is exact beyond 2^53', async () => {
    const id = '9223372036854775807';
    const login = await server.request.post('/api/v1/auth/mock').send({ github_id: id, email: 'big@example.org' });
    expect((login.body as { user: object }).user).toMatchObject({ github_id: id });
    for (const github_id of ['9223372036854775808', '0', '-1', '1e3', '01', 1.5, 2 ** 53, null, {}, ''])
      expect(
        (await server.request.post('/api/v1/auth/mock').send({ github_id, email: 'big@example.org' })).status,
      ).toBe(400);
  });
});

describe('a time', () => {
  it.each([
    ...['2026-02-30T12:00:00Z', '2026-02-29T12:00:00Z', '2026-04-31T00:00:00Z', '2026-13-01T00:00:00Z'],
    ...['2026-01-01T24:00:00Z', '2026-01-01T12:60:00Z', '2026-01-01T12:00:61Z', '0000-01-01T00:00:00Z'],
    ...['2026-01-01T00:00:00+16:00', '9999-12-31T23:59:59-01:00', '2026-01-01', '2026-01-01T12:00:00', 'tomorrow'],
    ...['2026-01-01 12:00:00Z', '1767268800', '+012026-01-01T00:00:00Z', '2026-01-01T12:00:00.Z', 'infinity', ''],
  ])('that does not exist, or says too little, is refused: %s', async (time) => {
    expect(await refusal(ada.post('/tasks', note({ run_at: time })))).toMatch('400 request/invalid; run_at: ');
    expect(await refusal(ada.get(`/tasks?created_after=${encodeURIComponent(time)}`))).toMatch('created_after: ');
  });

  it.each([
    ['2028-02-29T12:00:00Z', '2028-02-29T12:00:00.000Z'],
    ['2026-01-31T12:00:00+05:30', '2026-01-31T06:30:00.000Z'],
    ['2026-01-31T23:30:00.250-10:00', '2026-02-01T09:30:00.250Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ])('with or without an offset is the same instant: %s', async (time, instant) => {
    expect((await ada.post('/tasks', note({ run_at: time }))).body['run_at']).toBe(instant);
  });
});

describe('an id, a cursor or a version', () => {
  const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

  it.each(['1', 'null', 'undefined', `${NOBODY}0`, NOBODY.slice(1), `{${NOBODY}}`, NOBODY.replaceAll('-', ''), "1'--"])(
    'that is no UUID is refused in every path: %s',
    async (id) => {
      const path = encodeURIComponent(id);
      for (const route of [
        'tasks/:id',
        'tasks/:id/explain',
        'repositories/:id',
        'executions/:id',
        'executions/:id/logs',
        'workers/:id',
      ])
        expect(await refusal(ada.get(`/${route.replace(':id', path)}`))).toMatch('400 request/invalid; id: ');
      expect(await refusal(ada.get(`/tasks?repository_id=${path}`))).toMatch('400 request/invalid; repository_id: ');
    },
  );

  it('may be written in capitals', async () => {
    const id = await ada.task();
    expect((await ada.get(`/tasks/${id.toUpperCase()}`)).body['id']).toBe(id);
    expect(await refusal(ada.get(`/tasks/${NOBODY.toUpperCase()}`))).toBe('404 task/not-found');
  });

  const cursor = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  it.each([
    ['garbage', 'garbage'],
    ['padded', `${cursor([1])}=`],
    ['another shape', cursor({ at: 1 })],
    ['a day that does not exist', cursor(['2026-02-30T00:00:00.000000Z', NOBODY])],
    ['the year 0', cursor(['0000-01-01T00:00:00.000000Z', NOBODY])],
    ['another id', cursor(['2026-02-20T00:00:00.000000Z', "1' or '1'='1"])],
    ['nested', Buffer.from('['.repeat(700)).toString('base64url')],
    ['too long', 'A'.repeat(1025)],
    ['empty', ''],
  ])('that no answer has given is refused: %s', async (_, given) => {
    for (const path of ['/tasks', '/executions', '/workers', '/repositories', '/logs', '/agents'])
      expect(await refusal(ada.get(`${path}?cursor=${given}`))).toMatch('400 request/invalid; cursor: ');
  });

  it('is taken from If-Match as given, or not at all', async () => {
    const id = await ada.task();
    for (const garbage of ['abc', '"x"', '1e1', '"-1"', '"1", "2"', '""', '99999999999999'])
      expect(await refusal(ada.patch(`/tasks/${id}`, { name: 'b' }, { 'If-Match': garbage }))).toMatch(
        '400 request/invalid',
      );
    expect(await refusal(ada.patch(`/tasks/${id}`, { name: 'b' }, { 'If-Match': '"7"' }))).toMatch('412 task/changed');
    expect((await ada.patch(`/tasks/${id}`, { name: 'b' }, { 'If-Match': '"1"' })).status).toBe(200);
  });
});

describe('a list', () => {
  it('has an end', async () => {
    const labels = (count: number) => Array.from({ length: count }, (_, at) => `label-${String(at)}`);
    expect(await refusal(ada.post('/tasks', note({ required_labels: labels(21) })))).toMatch('required_labels: ');
    const message = 'executions must be a list of at most 1000';
    expect(await ignored({ executions: Array.from({ length: 300_000 }, () => ({})) })).toMatchObject([
      { id: null, field: 'executions', message },
      ...Array.from({ length: 99 }, () => ({ id: null, field: 'id' })),
    ]);
  });

  /** What a heartbeat has left out: it is never refused for what it says. */
  async function ignored(said: object): Promise<unknown> {
    const { status, body } = await worker.post(`/workers/${worker.id}/heartbeat`, said);
    expect(status).toBe(200);
    return body['ignored'];
  }

  it.each(['gpu', {}, [null], [1], [['a']], [{}]])('holds what it should: %j', async (required_labels) => {
    expect(await refusal(ada.post('/tasks', note({ required_labels })))).toMatch(
      '400 request/invalid; required_labels',
    );
  });

  it.each(['gpu', 7, {}, [null], ['x'], [[]], [{ name: null }], [{ version: '1' }]])(
    'of objects holds objects: %j',
    async (launchers) => {
      // A list of which nothing can be read goes as a whole.
      const fields = ['launchers', ...(Array.isArray(launchers) ? [expect.stringMatching(/^launchers\[0\]/)] : [])];
      expect(await ignored({ launchers })).toMatchObject(fields.map((field: unknown) => ({ id: null, field })));
    },
  );

  it.each([[[]], [[{}]], ['x'], [7], [null]])('is no object: %j', async (metrics) => {
    expect(await ignored({ metrics })).toMatchObject([{ id: null, field: 'metrics' }]);
  });

  it('of log entries holds entries', async () => {
    await ada.task({ priority: 'P0' });
    const [claimed] = await worker.claim();
    const path = `/executions/${String(claimed?.execution_id)}`;
    for (const entries of [[[]], [[{ message: 'x' }]], [{}], ['x'], [], {}, [{ message: null }]])
      expect(await refusal(worker.post(`${path}/logs`, { offset: 0, entries }))).toMatch(
        '400 request/invalid; entries',
      );
    expect((await worker.finish(String(claimed?.execution_id), { outcome: 'completed' })).status).toBe(200);
  });

  it.each(['text', 7, true, [], [1], null])('is not what metadata are: %j', async (metadata) => {
    expect(await refusal(ada.post('/tasks', note({ metadata })))).toMatch('400 request/invalid; metadata: ');
  });
});
