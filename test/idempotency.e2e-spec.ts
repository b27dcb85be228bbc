import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IdempotencyStore } from '../src/idempotency/idempotency.store.js';
import { TaskNotices } from '../src/tasks/task-notices.service.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { Somebody } from './organizations-people.js';
import { git, Scratch } from './scratch-git.js';
import { signIn } from './sign-in.js';
import { startTestApp, REGISTRATION_KEY, type TestApp } from './test-app.js';

let first: TestApp;
let second: TestApp;
let token: string;

beforeAll(async () => {
  const JWT_SECRET = randomBytes(32).toString('base64');
  first = await startTestApp({ JWT_SECRET });
  second = await startTestApp({ JWT_SECRET }, first);
  token = (await signIn(first)).access_token;
});
afterAll(async () => {
  await second.close();
  await first.close();
});

const post = (server: TestApp, key: string, body: object, path = 'tasks', caller = token) =>
  server.request
    .post(`/api/v1/${path}`)
    .set('Authorization', `Bearer ${caller}`)
    .set('Idempotency-Key', key)
    .send(body);

const note = (name: string) => ({ name, agent_type: 'note', metadata: { b: 1, a: { constructor: 2 } } });

const numberOf = async (name: string): Promise<number> =>
  (await first.sql.query<{ n: number }>('select count(*)::int as n from tasks where name = $1', [name])).rows[0]?.n ??
  0;

describe('the same Idempotency-Key', () => {
  it('gets the first answer again, to the letter, on every process', async () => {
    const made = await post(first, 'again', note('again')).expect(201);
    expect(made.headers['idempotency-replayed']).toBeUndefined();
    for (const server of [first, second]) {
      const again = await post(server, 'again', note('again')).expect(201);
      expect(again.headers['idempotency-replayed']).toBe('true');
      expect(again.text).toBe(made.text);
      expect([again.headers['location'], again.headers['etag']]).toEqual([
        made.headers['location'],
        made.headers['etag'],
      ]);
    }
    expect(await numberOf('again')).toBe(1);
  });

  it('of many requests at once, at two processes, has one effect and one answer', async () => {
    for (let round = 0; round < 10; round += 1) {
      const name = `at once ${String(round)}`;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => post(at % 2 === 0 ? first : second, name, note(name)).expect(201)),
      );
      expect(new Set(answers.map(({ body }) => (body as { id: string }).id)).size).toBe(1);
      expect(await numberOf(name)).toBe(1);
    }
  });

  it('with another body is refused', async () => {
    await post(first, 'other', note('one')).expect(201);
    expect((await post(second, 'other', note('two')).expect(409)).body).toMatchObject({
      code: 'idempotency/other-body',
    });
    expect(await numberOf('two')).toBe(0);
  });

  it('gets a lasting refusal again, with the id of its own request', async () => {
    const wrong = { ...note('wrong'), priority: 'P9' };
    const refused = await post(first, 'refused', wrong).expect(400);
    const again = await post(second, 'refused', wrong).expect(400);
    expect(again.headers['idempotency-replayed']).toBe('true');
    const withoutId = (body: object) => ({ ...body, request_id: undefined });
    expect(withoutId(again.body as object)).toEqual(withoutId(refused.body as object));
    expect((again.body as { request_id: string }).request_id).toBe(again.headers['x-request-id']);
  });

  it('belongs to its caller and route: others have their own', async () => {
    const other = (await signIn(first)).access_token;
    const ids = [
      (await post(first, 'mine', note('mine')).expect(201)).body as { id: string },
      (await post(first, 'mine', note('mine'), 'tasks', other).expect(201)).body as { id: string },
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  it('is free again when the first request failed by no fault of its own', async () => {
    const notices = first.app.get(TaskNotices, { strict: false });
    const tellEach = notices.tellEach.bind(notices);
    notices.tellEach = () => Promise.reject(new Error('the disk is on fire'));
    await post(first, 'fault', note('fault')).expect(500);
    notices.tellEach = tellEach;
    const made = await post(first, 'fault', note('fault')).expect(201);
    expect(made.headers['idempotency-replayed']).toBeUndefined();
    expect(await numberOf('fault')).toBe(1);
  });

  it('is forgotten after a day, by those who ask and by the duty', async () => {
    await post(first, 'day', note('day')).expect(201);
    await first.sql.query(`update idempotency_keys set expires_at = now() - interval '1 second'`);
    const anew = await post(first, 'day', note('day')).expect(201);
    expect(anew.headers['idempotency-replayed']).toBeUndefined();
    expect(await numberOf('day')).toBe(2);
    await first.sql.query(`update idempotency_keys set expires_at = now() - interval '1 second'`);
    expect(await first.app.get(IdempotencyStore, { strict: false }).removeExpired(1000)).toBeGreaterThan(0);
    expect((await first.sql.query('select from idempotency_keys')).rowCount).toBe(0);
  });

  it('without the lock makes two tasks of one: this test would see it', async () => {
    const stores = [first, second].map((server) => server.app.get(IdempotencyStore, { strict: false }));
    for (const store of stores) {
      store.tryLock = () => Promise.resolve(true);
      store.keep = () => Promise.resolve(true);
    }
    await Promise.all([first, second].map((server) => post(server, 'broken', note('broken')).expect(201)));
    expect(await numberOf('broken')).toBe(2);
    for (const store of stores) {
      store.tryLock = IdempotencyStore.prototype.tryLock.bind(store);
      store.keep = IdempotencyStore.prototype.keep.bind(store);
    }
  });
});

describe('the same Idempotency-Key, when the answer came to no end though what was asked for was done,', () => {
  let scratch: Scratch;
  let server: TestApp;
  let caller: string;

  beforeAll(async () => {
    scratch = new Scratch();
    const roots = scratch.directory('roots');
    server = await startTestApp({ GIT_ROOT: scratch.directory('mirrors'), LOCAL_REPOSITORY_ROOTS: roots });
    caller = (await signIn(server)).access_token;
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });

  /** Meanwhile PostgreSQL keeps no answer: it goes away when it is asked to. */
  async function withoutAnswers(work: () => PromiseLike<unknown>): Promise<void> {
    await server.sql.query(
      `create function goes_away() returns trigger language plpgsql as
         $$ begin raise exception 'goes away' using errcode = '57P01'; end $$;
       create trigger goes_away before insert or update on idempotency_keys
         for each row when (new.status >= 200) execute function goes_away()`,
    );
    try {
      await work();
    } finally {
      await server.sql.query('drop function goes_away cascade');
    }
  }

  async function madeOnce(path: string, key: string, body: object): Promise<{ id: string }> {
    await withoutAnswers(async () => {
      await post(server, key, body, path, caller).expect(503);
      await post(server, key, body, path, caller).expect(503);
    });
    const other = await post(server, key, { ...body, name: 'Another' }, path, caller);
    const { body: made } = await post(server, key, body, path, caller).expect(201);
    expect((await post(server, key, body, path, caller).expect(201)).body).toEqual(made);
    // Fields that are not known are refused before anything else.
    if (path === 'organizations') expect(other.status).toBe(409);
    return made as { id: string };
  }

  it('registers one repository, records one deployment, makes one organization', async () => {
    const local_path = scratch.repository('roots/one');
    git(local_path, 'tag', 'v1');
    const { id: repository_id } = await madeOnce('repositories', 'a', { local_path });
    await madeOnce('deployments', 'c', { repository_id, version: 'v1' });
    await madeOnce('organizations', 'd', { name: 'Only one of it' });
    const [counted] = (
      await server.sql.query<object>(
        `select (select count(*)::int from repositories) as repositories, (select count(*)::int from deployments) as deployments,
           (select count(*)::int from organizations where name = 'Only one of it') as organizations`,
      )
    ).rows;
    expect(counted).toEqual({ repositories: 1, deployments: 1, organizations: 1 });
  });

  it('makes it anew when it has been deleted since', async () => {
    const local_path = scratch.repository('roots/two');
    const body = { local_path };
    await withoutAnswers(() => post(server, 'gone', body, 'repositories', caller).expect(503));
    const { rows } = await server.sql.query<{ id: string }>(
      'select id from repositories order by created_at desc limit 1',
    );
    const gone = rows[0]?.id ?? '';
    await server.request.delete(`/api/v1/repositories/${gone}`).set('Authorization', `Bearer ${caller}`).expect(204);
    const { body: made } = await post(server, 'gone', body, 'repositories', caller).expect(201);
    expect((made as { id: string }).id).not.toBe(gone);
  });

  it('is found again after a process has died with it, and forgotten after a day', async () => {
    const local_path = scratch.repository('roots/three');
    const body = { local_path };
    await withoutAnswers(() => post(server, 'died', body, 'repositories', caller).expect(503));
    await server.sql.query(
      `update idempotency_keys set expires_at = now() - interval '1 second', status = 0 where status = 1`,
    );
    await server.app.get(IdempotencyStore, { strict: false }).removeExpired(1000);
    const { rows } = await server.sql.query<{ id: string }>(
      'select id from repositories order by created_at desc limit 1',
    );
    const { body: made } = await post(server, 'died', body, 'repositories', caller).expect(201);
    expect((made as { id: string }).id).toBe(rows[0]?.id);
    await server.sql.query(
      `update idempotency_keys set created_at = now() - interval '25 hours', expires_at = now() - interval '1 hour'`,
    );
    await server.app.get(IdempotencyStore, { strict: false }).removeExpired(1000);
    expect((await server.sql.query('select from idempotency_keys')).rowCount).toBe(0);
  });
});

describe('the same Idempotency-Key, where something else than a task is made,', () => {
  const again = async (path: string, body: object, other: object, caller?: string) => {
    const made = await post(first, 'same', body, path, caller).expect(201);
    for (const server of [first, second]) {
      const replayed = await post(server, 'same', body, path, caller).expect(201);
      expect(replayed.headers['idempotency-replayed']).toBe('true');
      expect([replayed.text, replayed.headers['location']]).toEqual([made.text, made.headers['location']]);
    }
    const refused = await post(second, 'same', other, path, caller).expect(409);
    expect((refused.body as { code: string }).code).toBe('idempotency/other-body');
  };
  const rows = async (table: string, column: string, value: string): Promise<number | null> =>
    (await first.sql.query(`select from ${table} where ${column} = $1`, [value])).rowCount;

  it('makes one organization', async () => {
    await again('organizations', { name: 'Only one' }, { name: 'Another one' });
    expect([
      await rows('organizations', 'name', 'Only one'),
      await rows('organizations', 'name', 'Another one'),
    ]).toEqual([1, 0]);
  });

  it('makes one organization, however many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        post(at % 2 === 0 ? first : second, 'at once', { name: 'At once' }, 'organizations').expect(201),
      ),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await rows('organizations', 'name', 'At once')).toBe(1);
  });

  it('invites once, where the same without it is refused', async () => {
    const owner = await Somebody.signIn(first);
    const members = `organizations/${await owner.found()}/members`;
    const wanted = { login: 'grace', role: 'member' };
    await again(members, wanted, { ...wanted, role: 'viewer' }, owner.token);
    expect(await rows('invitations', 'login', 'grace')).toBe(1);
    await owner.post(`/${members}`, wanted).expect(409);
  });
});

describe('an Idempotency-Key', () => {
  it.each(['', ' ', 'x'.repeat(256), 'tab\there', 'ümlaut'])('like %j is refused', async (key) => {
    const request = post(first, 'placeholder', note('never'));
    const answer = await request.set(
      'Idempotency-Key',
      encodeURI(key) === key ? key : Buffer.from(key).toString('latin1'),
    );
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([
      400,
      expect.stringMatching(/^(idempotency|request)\//),
    ]);
  });

  it('is refused by routes that answer a secret', async () => {
    const answer = await post(first, 'secret', { name: 'w1', scope: 'instance' }, 'workers', REGISTRATION_KEY).expect(
      400,
    );
    expect(answer.body).toMatchObject({ code: 'idempotency/refused' });
  });

  it('does not keep a task from being claimed', async () => {
    const person: TestPerson = await signInPerson(first);
    await person.task({ name: 'usual' });
    await post(first, 'claimed', note('claimed')).expect(201);
    const worker = await registerWorker(first);
    expect((await worker.claim({ max: 100 })).map(({ name }) => name)).toContain('claimed');
  });
});
