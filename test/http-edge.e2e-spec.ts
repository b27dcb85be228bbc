import { request as httpRequest } from 'node:http';
import { head, RawConnection, sendRaw, type RawAnswer } from './raw-http.js';
import { signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const MIB = 1024 * 1024;

let server: TestApp;
let token: string;
let authorization: { Authorization: string };

beforeAll(async () => {
  server = await startTestApp();
  token = (await signIn(server)).access_token;
  authorization = { Authorization: `Bearer ${token}` };
});
afterAll(() => server.close());

/** Asserts a whole problem: `404 request/no-such-route`. */
function refused({ status, headers, body }: RawAnswer): string {
  const problem = JSON.parse(body) as { status: number; code: string; detail: string; request_id: string };
  expect(headers['content-type']).toBe('application/problem+json');
  expect(problem.status).toBe(status);
  expect(problem.request_id).toBe(headers['x-request-id']);
  expect(problem.detail.length).toBeGreaterThan(10);
  return `${String(status)} ${problem.code}`;
}

const call = (line: string, fields: Record<string, string | number> = {}, ...body: (string | Buffer)[]) =>
  sendRaw(server.url, head(line, { ...authorization, ...fields }), ...body);

describe('an address', () => {
  it('that leads nowhere is a 404, with one slash or more', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/v1',
      '/api/v2/tasks',
      '/api/v1/nothing',
      '/api/v1//tasks',
      '/.env',
      '/api/v1/tasks/a/b',
    ])
      expect(refused(await call(`GET ${path}`))).toBe('404 request/no-such-route');
  });

  it.each(['x', '%00', '..%2f..%2fetc', '%2e%2e', '-c', '0192f0c1-2345-7abc-8def-0123456789ab', "';--", '😀'])(
    'of a Git repository tells nothing to who has no credentials of an execution: %s',
    async (name) => {
      for (const path of ['info/refs?service=git-upload-pack', 'info/refs?service=git-receive-pack', 'info/refs'])
        for (const credentials of [
          'Basic OjA=',
          'Basic ====',
          `Basic ${btoa(`${'a'.repeat(36)}:b`)}`,
          `Bearer ${token}`,
        ])
          expect((await call(`GET /git/${encodeURI(name)}.git/${path}`, { Authorization: credentials })).status).toBe(
            path === 'info/refs' ? 403 : 401,
          );
      expect(refused(await call(`GET /git/${encodeURI(name)}.git/HEAD`))).toBe('404 request/no-such-route');
    },
  );

  it('takes some methods, and says which', async () => {
    const wrong = await call('DELETE /api/v1/tasks');
    expect([refused(wrong), wrong.headers['allow']]).toEqual([
      '405 request/method-not-allowed',
      'GET, HEAD, OPTIONS, POST',
    ]);
    for (const method of ['PUT', 'TRACE', 'PROPFIND', 'PURGE'])
      expect(refused(await call(`${method} /api/v1/health`))).toBe('405 request/method-not-allowed');
    const id = '0192f0c1-2345-7abc-8def-0123456789ab';
    expect((await call(`PUT /api/v1/tasks/${id}`)).headers['allow']).toBe('DELETE, GET, HEAD, OPTIONS, PATCH');
  });

  it('tells its methods when asked, without a sign-in', async () => {
    const options = await sendRaw(server.url, head('OPTIONS /api/v1/tasks?limit=5'));
    expect([options.status, options.headers['allow'], options.body]).toEqual([204, 'GET, HEAD, OPTIONS, POST', '']);
    expect(refused(await call('OPTIONS /api/v1/nothing'))).toBe('404 request/no-such-route');
    expect(refused(await call('OPTIONS *'))).toBe('404 request/no-such-route');
  });

  it('answers HEAD like GET, without a body', async () => {
    const { status, headers } = await fetch(`${server.url}/api/v1/tasks`, { method: 'HEAD', headers: authorization });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    const missing = await fetch(`${server.url}/api/v1/nothing`, { method: 'HEAD' });
    expect([missing.status, await missing.text()]).toEqual([404, '']);
  });

  it.each(['%', '%2', '%zz', '%ff', '%c0%80', '%ed%a0%80', 'é', '\x7f'])(
    'that is not percent-encoded UTF-8 is refused: %s',
    async (text) => {
      for (const path of [`/api/v1/tasks/${text}`, `/api/v1/agents/${text}`, `/api/v1/tasks?q=${text}`, `/${text}`])
        expect(refused(await call(`GET ${path}`))).toBe('400 request/malformed');
    },
  );

  it('may be long up to 16 KiB with the headers', async () => {
    const q = 'x'.repeat(9000);
    expect(refused(await call(`GET /api/v1/tasks?q=${q}`))).toBe('400 request/invalid');
    expect(refused(await call(`GET /api/v1/tasks/${q}`))).toBe('400 request/invalid');
    expect(refused(await call(`GET /api/v1/tasks?q=${q}${q}`))).toBe('431 request/headers-too-large');
    expect(refused(await call('GET /api/v1/tasks', { 'X-Long': `${q}${q}` }))).toBe('431 request/headers-too-large');
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`X-${String(at)}`, '1']));
    expect(refused(await call('GET /api/v1/tasks', many))).toBe('431 request/headers-too-large');
  });
});

describe('a request', () => {
  it.each([
    ['no HTTP', 'HELO example.org\r\n\r\n'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost localhost\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a length in hexadecimal', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x1\r\n\r\n'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['a TLS greeting', Buffer.from('16030100c5010000c10303', 'hex')],
    ['no host', 'GET /api/v1/health/live HTTP/1.1\r\n\r\n'],
    ['two hosts', 'GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n'],
  ])('that has %s is malformed', async (_, bytes) => {
    expect(refused(await sendRaw(server.url, bytes))).toBe('400 request/malformed');
  });

  it.each(['example.org', 'localhost.example.org', '127.0.0.1.example.org:80', '[::2]', 'localhost@example.org', ''])(
    'to the foreign host "%s" is misdirected',
    async (host) => {
      expect(refused(await call('GET /api/v1/health/live', { Host: host }))).toBe('421 http/foreign-host');
      expect(refused(await call('GET /api/docs', { Host: host }))).toBe('421 http/foreign-host');
    },
  );

  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1:65535', '[::1]:80', '[::1]'])('to %s is served', async (host) => {
    expect((await call('GET /api/v1/health/live', { Host: host })).status).toBe(200);
  });

  it('keeps a sane id, which its answer, also an error, carries', async () => {
    for (const line of ['GET /api/v1/health/live', 'GET /api/v1/nothing', 'DELETE /api/v1/tasks']) {
      const answer = await call(line, { 'X-Request-Id': 'build-17.test:3_a' });
      expect(answer.headers['x-request-id']).toBe('build-17.test:3_a');
      if (answer.status >= 400) expect(answer.body).toContain('"request_id":"build-17.test:3_a"');
    }
  });

  it.each(['short', 'x'.repeat(129), 'with blanks in it', '<script>alert(1)</script>', 'a\tb-------', 'ünïcode-long'])(
    'gets an id instead of one that is not sane: %s',
    async (id) => {
      const answer = await call('GET /api/v1/nothing', { 'X-Request-Id': id });
      refused(answer);
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('may expect what it likes', async () => {
    expect((await call('GET /api/v1/health/live', { Expect: 'wonders' })).status).toBe(200);
  });

  it('may come in a row with others on one connection', async () => {
    const connection = await RawConnection.open(server.url);
    const live = head('GET /api/v1/health/live');
    connection.send(live + head('GET /api/v1/nothing') + live);
    const statuses = [await connection.answer(), await connection.answer(), await connection.answer()];
    expect(statuses.map((answer) => answer?.status)).toEqual([200, 404, 200]);
    connection.end();
  });
});

describe('a body', () => {
  const task = (bytes: number): string => {
    const frame = JSON.stringify({ name: 'n', agent_type: 'note', metadata: { text: '' } });
    return frame.replace('""', `"${'x'.repeat(bytes - frame.length)}"`);
  };
  const json = { 'Content-Type': 'application/json' };

  it('of 1 MiB is taken, one byte more is refused, with or without a length', async () => {
    const path = '/api/v1/tasks';
    const send = (body: string) => call(`POST ${path}`, { ...json, 'Content-Length': body.length }, body);
    const sendChunked = (body: string) =>
      call(
        `POST ${path}`,
        { ...json, 'Transfer-Encoding': 'chunked' },
        `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      );
    expect((await send(task(MIB))).status).toBe(201);
    expect((await sendChunked(task(MIB))).status).toBe(201);
    for (const answer of [await send(task(MIB + 1)), await sendChunked(task(MIB + 1))])
      expect([refused(answer), answer.headers['connection']]).toEqual(['413 request/too-large', 'close']);
  });

  it('may be chunked and empty, which is none', async () => {
    const send = (path: string) => call(`POST ${path}`, { ...json, 'Transfer-Encoding': 'chunked' }, '0\r\n\r\n');
    expect(refused(await send('/api/v1/tasks'))).toBe('400 request/invalid');
    expect(refused(await send('/api/v1/tasks/0192f0c1-2345-7abc-8def-0123456789ab/cancel'))).toBe('404 task/not-found');
  });

  it('of logs may have 4 MiB', async () => {
    const path = '/api/v1/executions/0192f0c1-2345-7abc-8def-0123456789ab/logs';
    const send = (length: number) => call(`POST ${path}`, { ...json, 'Content-Length': length }, 'x'.repeat(length));
    expect(refused(await send(4 * MIB))).toBe('400 json/malformed');
    expect(refused(await send(4 * MIB + 1))).toBe('413 request/too-large');
  });

  it('far too large is refused at once, seen by a client that sends it to the end, and cut', async () => {
    const seen = await new Promise<number | undefined>((resolve, reject) => {
      const length = 60 * MIB;
      const client = httpRequest(
        `${server.url}/api/v1/tasks`,
        { method: 'POST', headers: { ...authorization, ...json, 'Content-Length': length } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      client.once('error', reject);
      for (let sent = 0; sent < length; sent += MIB) client.write(Buffer.alloc(MIB, ' '));
      client.end();
    });
    expect(seen).toBe(413);
    const connection = await RawConnection.open(server.url);
    connection.send(head('POST /api/v1/tasks', { ...authorization, ...json, 'Content-Length': 60 * MIB }));
    expect((await connection.answer())?.status).toBe(413);
    await connection.untilClosed();
  });

  it('that is refused for its type may not go on for ever', async () => {
    const connection = await RawConnection.open(server.url);
    connection.send(
      head('POST /api/v1/tasks', { ...authorization, 'Content-Type': 'text/plain', 'Content-Length': 100 }),
    );
    expect(refused((await connection.answer()) as RawAnswer)).toBe('415 request/unsupported-media-type');
    connection.send('some');
    await connection.untilClosed();
  });

  it('that is refused leaves its connection to the next request', async () => {
    const connection = await RawConnection.open(server.url);
    const wrong = head('POST /api/v1/tasks', { ...authorization, 'Content-Type': 'text/plain', 'Content-Length': 4 });
    connection.send(`${wrong}text${head('GET /api/v1/health/live')}`);
    expect([(await connection.answer())?.status, (await connection.answer())?.status]).toEqual([415, 200]);
    connection.end();
  });
});
