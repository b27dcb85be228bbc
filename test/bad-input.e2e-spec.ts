import { startTestApp, type TestApp } from './test-app.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { signIn } from './sign-in.js';

interface Reply {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

interface Refusal {
  code: string;
  detail: string;
  request_id: string;
  errors?: { field: string; message: string }[];
}

let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;
let token: string;

beforeAll(async () => {
  server = await startTestApp({ SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600' });
  ada = await signInPerson(server);
  worker = await registerWorker(server);
  token = (await signIn(server)).access_token;
});
afterAll(() => server.close());

/** A request whose body and headers are as given, with the token of a person. */
async function send(
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method,
    body,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: text === '' ? {} : (JSON.parse(text) as object as never),
  };
}

/** Asserts a whole problem, and gives what makes it this one: `400 request/invalid name`. */
function refused({ status, headers, body }: Reply): string {
  const { code, detail, request_id, errors = [] } = body as unknown as Refusal;
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(request_id).toBe(headers.get('x-request-id'));
  expect(detail.length).toBeGreaterThan(10);
  return [status, code, ...errors.map(({ field }) => field)].join(' ');
}

const post = (body: string | object, path = '/tasks') =>
  send('POST', path, typeof body === 'string' ? body : JSON.stringify(body));
const note = (fields: object) => ({ name: 'n', agent_type: 'note', ...fields });
/** The metadata of a task made of this JSON text, as a later GET gives them. */
async function keptMetadata(json: string): Promise<unknown> {
  const created = await post(`{"name": "n", "agent_type": "note", "metadata": ${json}}`);
  expect(created.status).toBe(201);
  const read = await send('GET', `/tasks/${String(created.body['id'])}`);
  expect(JSON.stringify(read.body['metadata'])).toBe(JSON.stringify(created.body['metadata']));
  return read.body['metadata'];
}

describe('JSON that JavaScript or PostgreSQL would change', () => {
  it.each([
    ['2^53 + 1', '{"a": 9007199254740993}'],
    ['a number beyond every double', '{"a": 1e400}'],
    ['a number that would become 0', '{"a": 1e-400}'],
    ['-0', '{"a": -0}'],
    ['-0.0', '{"a": [-0.0]}'],
    ['more digits than a double has', '{"a": 123456789012345.678}'],
    ['a key twice', '{"a": 1, "a": 1}'],
    ['a key twice in two spellings', '{"a": 1, "\\u0061": 2}'],
    ['nesting of 65 levels', `${'{"a":'.repeat(63)}1${'}'.repeat(63)}`.replace('1', '[[]]')],
    ['nesting of 3,000 levels', `{"a": ${'['.repeat(3000)}${']'.repeat(3000)}}`],
  ])('is refused: %s', async (_, metadata) => {
    expect(refused(await post(`{"name": "n", "agent_type": "note", "metadata": ${metadata}}`))).toBe(
      '400 json/not-exact',
    );
  });

  it.each([
    ['decimals', '{"a": 0.1, "b": 1e3, "c": -2.50, "d": 9007199254740992, "e": 1.7976931348623157e308, "f": 5e-324}'],
    ['keys that objects have from their prototype', '{"constructor": {"x": 1}, "hasOwnProperty": 2, "toString": null}'],
    ['the key __proto__', '{"__proto__": {"admin": true}, "a": {"__proto__": [1]}}'],
    ['keys that libraries look for', '{"toJSON": "x", "then": {}, "toPostgres": 1, "length": -1, "$ref": "y", "": 0}'],
    [
      'characters beyond ASCII',
      '{"ключ": "値 😀 \\ud83d\\ude00", "\\u0001": "\\u001f\\u2028\\ufeff", "a\\"b": "c\\\\d"}',
    ],
    ['61 levels below the body', `${'{"a":'.repeat(62)}{}${'}'.repeat(62)}`],
    ['an empty object', '{}'],
    ['every kind of value', '{"a": [null, true, false, "", [], {}, 0]}'],
  ])('is kept as it is: %s', async (_, metadata) => {
    expect(sorted(await keptMetadata(metadata))).toBe(sorted(JSON.parse(metadata)));
  });

  it.each([
    ['a million opening brackets', '['.repeat(1_000_000)],
    ['half an object', '{"name": "n"'],
    ['a comma too many', '{"name": "n",}'],
    ['NaN', '{"name": NaN}'],
    ['a control character in a text', '{"name": "a\nb"}'],
    ['two values', '{} {}'],
    ['single quotes', "{'name': 'n'}"],
    ['only blanks', '   '],
  ])('is malformed: %s', async (_, body) => {
    expect(refused(await post(body))).toBe('400 json/malformed');
  });
});

/** JSON text with the keys of each object in order: jsonb keeps values, not the order of keys. */
const sorted = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(sorted).join(',')}]`
    : typeof value === 'object' && value !== null
      ? `{${Object.entries(value)
          .map(([key, item]) => `${JSON.stringify(key)}:${sorted(item)}`)
          .sort()
          .join(',')}}`
      : JSON.stringify(value);

describe('text that cannot be stored', () => {
  it.each([
    ['NUL in a name', { name: 'a\u0000b' }, 'name'],
    ['NUL in a description', { description: '\u0000' }, 'description'],
    ['NUL in a value of the metadata', { metadata: { a: { b: ['\u0000'] } } }, 'metadata.a.b[0]'],
    ['NUL in a key of the metadata', { metadata: { 'a\u0000': 1 } }, 'metadata'],
    ['half a surrogate pair in a name', { name: 'a\ud800' }, 'name'],
    ['half a surrogate pair in the metadata', { metadata: { a: '\udc00\ud800' } }, 'metadata.a'],
    ['half a surrogate pair in a key', { metadata: { '\ud83d': 1 } }, 'metadata'],
    ['NUL in a label', { required_labels: ['gpu', 'a\u0000'] }, 'required_labels[1]'],
  ])('is refused: %s', async (_, fields, field) => {
    expect(refused(await post(note(fields)))).toBe(`400 request/invalid ${field}`);
  });

  it('is refused in query strings and paths, by every route that takes them', async () => {
    for (const path of ['/tasks?q=a%00', '/logs?q=%00', '/logs?ref=a%00b', '/events?after=%00', '/tasks?status=%00'])
      expect(refused(await send('GET', path))).toMatch(/^400 request\/invalid/);
    for (const path of ['/agents/%00', '/tasks/%00', '/repositories/a%00', '/executions/%00/logs'])
      expect(refused(await send('GET', path))).toMatch(/^400 request\/invalid/);
  });

  it('is cleaned and counted in logs, where it would lose the rest of the batch', async () => {
    await ada.task({ priority: 'P0' });
    const [claimed] = await worker.claim();
    const execution = String(claimed?.execution_id);
    const entries = ['a\u0000b', '\ud800', 'plain', '😀'].map((message) => ({ message }));
    const stored = await worker.post(`/executions/${execution}/logs`, { offset: 0, entries });
    expect([stored.status, stored.body['cleaned'], stored.body['next_offset']]).toEqual([200, 2, 4]);
    const { items } = (await ada.get(`/executions/${execution}/logs`)).body as { items: { message: string }[] };
    expect(items.map(({ message }) => message)).toEqual(['a\ufffdb', '\ufffd', 'plain', '😀']);
    expect((await worker.finish(execution, { outcome: 'completed', result: { a: '\u0000' } })).status).toBe(400);
    expect((await worker.finish(execution, { outcome: 'completed' })).status).toBe(200);
  });
});

describe('a body', () => {
  it.each(['[]', '["a"]', '"text"', '17', 'true', 'null'])('that is %s is not an object', async (body) => {
    for (const path of ['/tasks', '/auth/logout', '/repositories'])
      expect(refused(await post(body, path))).toBe('400 request/invalid');
    expect(refused(await send('PATCH', `/tasks/${await ada.task()}`, body))).toBe('400 request/invalid');
  });

  it('may be absent where nothing in it is needed, and only there', async () => {
    const made = await post(note({}));
    expect((await send('POST', `/tasks/${String(made.body['id'])}/cancel`)).status).toBe(200);
    expect(refused(await send('POST', '/tasks'))).toBe('400 request/invalid name');
    expect(refused(await send('POST', '/auth/mock'))).toBe('400 request/invalid github_id email');
  });

  it.each([
    ['text/plain', '{}'],
    ['application/x-www-form-urlencoded', 'name=n'],
    ['multipart/form-data; boundary=x', '--x--'],
    ['application/json; charset=utf-16', '{}'],
    ['application/json;charset=iso-8859-1', '{}'],
    ['application/jsonp', '{}'],
    ['', '{}'],
  ])('of the type "%s" is refused', async (type, body) => {
    expect(refused(await send('POST', '/tasks', body, { 'Content-Type': type }))).toBe(
      '415 request/unsupported-media-type',
    );
  });

  it.each(['application/json; charset=UTF-8', 'application/json;charset="utf-8"', 'application/merge-patch+json'])(
    'of the type %s is read',
    async (type) => {
      const body = JSON.stringify(note({ name: 'ü' }));
      expect((await send('POST', '/tasks', body, { 'Content-Type': type })).body['name']).toBe('ü');
    },
  );

  it('that is not UTF-8 is malformed; a byte order mark is passed over', async () => {
    const bytes = (...parts: (string | number[])[]) =>
      new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
    for (const wrong of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]])
      expect(refused(await send('POST', '/tasks', bytes('{"name": "', wrong, '"}')))).toBe('400 json/malformed');
    const marked = await send('POST', '/tasks', bytes([0xef, 0xbb, 0xbf], JSON.stringify(note({ name: 'bom' }))));
    expect([marked.status, marked.body['name']]).toEqual([201, 'bom']);
  });

  it('may be compressed, and is measured as what it becomes', async () => {
    const { gzipSync } = await import('node:zlib');
    const packed = (text: string) => new Uint8Array(gzipSync(text));
    const gzip = { 'Content-Encoding': 'gzip' };
    expect((await send('POST', '/tasks', packed(JSON.stringify(note({}))), gzip)).status).toBe(201);
    const bomb = JSON.stringify(note({ description: 'x'.repeat(50_000_000) }));
    expect(refused(await send('POST', '/tasks', packed(bomb), gzip))).toBe('413 request/too-large');
    expect(refused(await send('POST', '/tasks', '{}', gzip))).toBe('400 request/malformed');
    expect(refused(await send('POST', '/tasks', '{}', { 'Content-Encoding': 'lzma' }))).toBe(
      '415 request/unsupported-media-type',
    );
  });
});
