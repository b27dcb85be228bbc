import pg from 'pg';
import { ServerProcess } from './server-process.js';
import { REGISTRATION_KEY, testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';
import { quietPort } from './processes.js';

const processes: ServerProcess[] = [];
const start = (environment: Record<string, string | undefined>): ServerProcess => {
  const server = new ServerProcess(environment);
  processes.push(server);
  return server;
};
afterAll(() => Promise.all(processes.map((one) => one.kill())));

describe('a server that cannot start', () => {
  it('says all that is wrong with its configuration at once, and no secret', async () => {
    const server = start({
      PORT: '-1',
      JWT_SECRET: 'pa55word',
      WORKER_REGISTRATION_KEY: 'myk_pa55word',
      TOKEN_ENCRYPTION_KEYS: 'one:pa55word',
      MOCK_LOGIN: 'on',
    });
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr.trim().split('\n')).toEqual([
      'The configuration has 9 fault(s):',
      expect.stringMatching(/^ {2}- PORT must be /),
      expect.stringMatching(/^ {2}- PUBLIC_URL is required /),
      expect.stringMatching(/^ {2}- DATABASE_URL is required /),
      expect.stringMatching(/^ {2}- JWT_SECRET must be /),
      expect.stringMatching(/^ {2}- WORKER_REGISTRATION_KEY must be /),
      expect.stringMatching(/^ {2}- GITHUB_CLIENT_ID is required /),
      expect.stringMatching(/^ {2}- GITHUB_CLIENT_SECRET is required /),
      expect.stringMatching(/^ {2}- TOKEN_ENCRYPTION_KEYS must be /),
      '  - MOCK_LOGIN must be off in production',
    ]);
    expect(server.stderr + server.stdout).not.toContain('pa55');
  });

  it.each(['nobody-listens', 'not%escaped'])('says so without the password in its URL: %s', async (password) => {
    const port = await quietPort();
    const secret = `pa55word${password}`;
    const server = start(testEnvironment(`postgres://ada:${secret}@127.0.0.1:${String(port)}/miyabi`));
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr).not.toBe('');
    expect(server.stderr + server.stdout).not.toContain('pa55word');
  });
});

describe('a server that may not have its address', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());

  it('says in one line that its port is taken, and which', async () => {
    const first = start(testEnvironment(database.url));
    const { port } = new URL(await first.url());
    const second = start(testEnvironment(database.url, { PORT: port, LOG_LEVEL: 'info' }));
    expect(await second.exit).toEqual({ code: 1, signal: null });
    const place = `Cannot listen on HOST 127.0.0.1, PORT ${port}`;
    expect(second.stderr).toBe(`${place}: another process does. End it, or set PORT to another port.\n`);
    expect(second.stdout).toBe('');
  });

  it('says in one line that its host is of another machine', async () => {
    // An address that RFC 5737 gives to examples.
    const server = start(testEnvironment(database.url, { HOST: '192.0.2.1', PORT: '8080', MOCK_LOGIN: 'off' }));
    expect(await server.exit).toEqual({ code: 1, signal: null });
    const place = 'Cannot listen on HOST 192.0.2.1, PORT 8080';
    expect(server.stderr).toBe(`${place}: that is no address of this machine. Set HOST to one.\n`);
  });
});

describe('what a server logs', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());

  it('is JSON, tells of a fault by the id its caller got, and holds no SQL, secret or input', async () => {
    const environment = testEnvironment(database.url, { LOG_LEVEL: 'debug', LOG_FORMAT: 'json' });
    const server = start(environment);
    const url = `${await server.url()}/api/v1`;
    const json = { 'Content-Type': 'application/json' };
    const login = await fetch(`${url}/auth/mock`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ github_id: 5, email: 'private@example.org' }),
    });
    const { access_token, refresh_token } = (await login.json()) as Record<string, string>;
    const authorization = { Authorization: `Bearer ${String(access_token)}` };
    // A fault that no validation can foresee.
    const sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    await sql.query('alter table tasks drop column description');
    await sql.end();
    const body = JSON.stringify({ name: 'my very own input', agent_type: 'note' });
    const failed = await fetch(`${url}/tasks?`, { method: 'POST', headers: { ...authorization, ...json }, body });
    const problem = (await failed.json()) as Record<string, unknown>;
    await fetch(`${url}/tasks?q=my-very-own-question`, { headers: authorization });

    expect([failed.status, Object.keys(problem).sort()]).toEqual([
      500,
      ['code', 'request_id', 'status', 'title', 'type'],
    ]);
    server.signal('SIGTERM');
    await server.exit;
    const lines = server.stdout.trim().split('\n');
    const told = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['request_id'] === problem['request_id']);
    expect(told.map(({ level, msg }) => [level, msg])).toEqual([
      [50, 'a request failed'],
      [30, 'request errored'],
    ]);
    for (const secret of [
      access_token,
      refresh_token,
      environment['JWT_SECRET'],
      REGISTRATION_KEY,
      'my very own',
      'my-very-own',
      'private@',
    ])
      expect(server.stdout + server.stderr).not.toContain(secret);
    expect(lines.filter((line) => /insert into|select .* from|update .* set|returning \*/i.test(line))).toEqual([]);
  });
});
