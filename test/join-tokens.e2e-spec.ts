import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isKey } from '../src/auth/keys.js';
import { readAudit } from './audit-entries.js';
import { makeKey } from './api-keys.js';
import { caller, joinsAs, leaves, ownerOfNew, becomes, type Member } from './memberships.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

interface Made {
  id: string;
  token: string;
  command: string;
  expires_at: string;
  uses_left: number;
  labels: string[];
}
interface Joined {
  worker: { id: string; name: string; scope: string; labels: string[] };
  token: string;
}

let server: TestApp;
let ada: Member;

beforeAll(async () => {
  server = await startTestApp();
  ada = await ownerOfNew(server);
});
afterAll(() => server.close());

const as = (token: string) => caller(server, token);
const make = async (body: object = {}, by = ada): Promise<Made> =>
  (await as(by.token).post('workers/join-tokens', body).expect(201)).body as Made;
const join = (token: string, body: object) => as(token).post('workers', body);
const joined = async (token: string, body: object): Promise<Joined> =>
  (await join(token, body).expect(201)).body as Joined;
const listed = async (by = ada) =>
  (await as(by.token).get('workers/join-tokens').expect(200)).body as { items: Record<string, unknown>[] };

describe('a join token', () => {
  it('is shown once, with the line to paste, and is not stored by caches', async () => {
    const answer = await as(ada.token)
      .post('workers/join-tokens', { labels: ['gpu'], uses: 2 })
      .expect(201);
    const made = answer.body as Made;
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(isKey(made.token)).toBe(true);
    expect(made).toEqual({
      id: expect.any(String),
      token: expect.stringMatching(/^myj_/),
      command: `curl -fsSL ${server.url}/join.sh | MIYABI_JOIN_TOKEN=${made.token} sh`,
      expires_at: expect.any(String),
      joins: 'worker',
      uses_left: 2,
      labels: ['gpu'],
    });
    const hour = Date.parse(made.expires_at) - Date.now();
    expect(hour).toBeGreaterThan(3_400_000);
    expect(hour).toBeLessThan(3_800_000);
    const [first] = (await listed()).items;
    expect(first).toMatchObject({
      id: made.id,
      prefix: made.token.slice(0, 8),
      uses_left: 2,
      created_by: { login: ada.user.login },
      revoked_at: null,
    });
    const { rows } = await server.sql.query<{ dump: string }>(
      `select string_agg(row, ' ') as dump from (
         select to_jsonb(k)::text as row from access_keys k union all select to_jsonb(a)::text from audit_entries a) r`,
    );
    expect(rows[0]?.dump).toContain(made.id);
    for (const form of [made.token.slice(8), Buffer.from(made.token).toString('hex')])
      expect(rows[0]?.dump).not.toContain(form);
  });

  it('makes a worker of its organization, with its labels beside the own ones and a token of its own', async () => {
    const { token } = await make({ labels: ['gpu', 'region=eu'] });
    const { worker, token: own } = await joined(token, { name: 'joined', labels: ['fast', 'gpu'] });
    expect(worker).toMatchObject({ name: 'joined', scope: 'organization', labels: ['gpu', 'region=eu', 'fast'] });
    expect((await as(ada.token).get(`workers/${worker.id}`).expect(200)).body).toMatchObject({ id: worker.id });
    await as(own).post(`workers/${worker.id}/heartbeat`, {}).expect(200);
    const bob = await ownerOfNew(server);
    await as(bob.token).get(`workers/${worker.id}`).expect(404);
  });

  it('registers as many workers as it says, however many come at once', async () => {
    const { id, token } = await make({ uses: 3 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => join(token, { name: `crowd-${String(at)}` })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(3);
    expect(statuses.filter((status) => status === 401)).toHaveLength(9);
    expect((await listed()).items.find((one) => one['id'] === id)).toMatchObject({ uses_left: 0 });
    expect(await codeOf(join(token, { name: 'late' }))).toBe('401 auth/key-revoked');
  });

  it('is not used up by a registration that is refused', async () => {
    const { token } = await make();
    await join(token, { name: 'x', protocol: 0 }).expect(426);
    await join(token, { name: ' ' }).expect(400);
    await join(token, { name: 'x', scope: 'instance' }).expect(403);
    await joined(token, { name: 'after refusals' });
  });

  it('does not put out a live worker, also when it says so', async () => {
    const { token } = await make({ uses: 2 });
    const first = await joined(token, { name: 'taken' });
    expect(await codeOf(join(token, { name: 'taken', replace: true }))).toBe('409 worker/name-taken');
    await as(first.token).post(`workers/${first.worker.id}/heartbeat`, {}).expect(200);
  });

  it('may do nothing else', async () => {
    const { token } = await make({ uses: 5 });
    for (const path of ['workers', 'workers/join-tokens', 'tasks', 'auth/me', 'organizations', 'api-keys'])
      expect([path, await codeOf(as(token).get(path))]).toEqual([path, '403 auth/forbidden']);
    expect(await codeOf(as(token).post('workers/join-tokens'))).toBe('403 auth/forbidden');
    expect(await codeOf(as(token).post('coordinators', { name: 'x', host: 'h' }))).toMatch(/^40[34] /);
  });

  it('is over when it expires, is taken back, or its maker may not let machines in any more', async () => {
    const { id, token } = await make();
    await server.sql.query('update access_keys set expires_at = now() where id = $1', [id]);
    expect(await codeOf(join(token, { name: 'x' }))).toBe('401 auth/key-revoked');

    const back = await make({ uses: 2 });
    const { worker, token: own } = await joined(back.token, { name: 'stays' });
    for (const _ of [1, 2]) await as(ada.token).delete(`workers/join-tokens/${back.id}`).expect(204);
    expect(await codeOf(join(back.token, { name: 'x' }))).toBe('401 auth/key-revoked');
    await as(own).post(`workers/${worker.id}/heartbeat`, {}).expect(200);

    const carl = await joinsAs(server, ada.organization_id, 'admin');
    const his = await make({ uses: 5 }, carl);
    await becomes(server, carl.user, 'member', ada.organization_id);
    expect(await codeOf(join(his.token, { name: 'x' }))).toBe('401 auth/key-revoked');
    await becomes(server, carl.user, 'admin', ada.organization_id);
    await joined(his.token, { name: "carl's" });
    await leaves(server, carl.user, ada.organization_id);
    expect(await codeOf(join(his.token, { name: 'x' }))).toBe('401 auth/key-revoked');
  });

  it('is refused for each fault by its field', async () => {
    const faults: Record<string, unknown[]> = {
      expires_in: [59, 86_401, '3600', null, 0.5],
      uses: [0, 1001, -1, null],
      labels: ['gpu', [''], ['a b'], null, Array.from({ length: 51 }, (_, at) => `l${String(at)}`)],
    };
    for (const [field, values] of Object.entries(faults))
      for (const value of values) {
        const { body } = await as(ada.token)
          .post('workers/join-tokens', { [field]: value })
          .expect(400);
        expect((body as { errors: { field: string }[] }).errors[0]?.field.split('[')[0]).toBe(field);
      }
  });

  it('is of its organization alone, and needs the permission to register workers', async () => {
    const { id } = await make();
    const bob = await ownerOfNew(server);
    expect(await codeOf(as(bob.token).delete(`workers/join-tokens/${id}`))).toBe('404 join-token/not-found');
    expect((await listed(bob)).items).toEqual([]);
    const carl = await joinsAs(server, ada.organization_id, 'member');
    expect(await codeOf(as(carl.token).post('workers/join-tokens'))).toBe('403 auth/forbidden');
    const { secret } = await makeKey(server, ada, 'workers.register');
    await as(secret).post('workers/join-tokens').expect(201);
  });

  it('leaves its making, its use and its end in the audit log', async () => {
    const dora = await ownerOfNew(server);
    const { id, token } = await make({ uses: 2 }, dora);
    const { worker } = await joined(token, { name: 'audited' });
    await as(dora.token).delete(`workers/join-tokens/${id}`).expect(204);
    const { items } = await readAudit(server, dora.token, 'limit=3');
    expect(items.map(({ action, actor, subject }) => [action, actor.type, subject])).toEqual([
      ['join_token.revoked', 'user', { key_id: id }],
      ['join_token.used', 'api_key', { key_id: id, worker_id: worker.id }],
      ['join_token.created', 'user', { key_id: id, user_id: dora.user.id }],
    ]);
    expect(JSON.stringify(items)).not.toContain(token.slice(8));
  });
});

describe('a worker that has joined', () => {
  it('comes back with its own token, has its labels, and loses no way back when an answer gets lost', async () => {
    const { token } = await make({ labels: ['gpu'] });
    const first = await joined(token, { name: 'phoenix', labels: ['old'] });
    const beat = (own: string) => codeOf(as(own).post(`workers/${first.worker.id}/heartbeat`, {}));
    const back = async (own: string) =>
      (await join(own, { name: 'phoenix', labels: ['new'], replace: true }).expect(200)).body as Joined;
    const second = await back(first.token);
    expect(second.worker).toMatchObject({ id: first.worker.id, labels: ['gpu', 'new'] });
    // As if the answer had been lost, and then once more with the token it brought.
    const third = await back(first.token);
    expect(await beat(second.token)).toBe('401 auth/key-revoked');
    const fourth = await back(third.token);
    expect(await beat(first.token)).toBe('401 auth/key-revoked');
    expect((await as(fourth.token).post(`workers/${first.worker.id}/heartbeat`, {})).status).toBe(200);
    expect(fourth.worker.labels).toEqual(['gpu', 'new']);
  });

  it('keeps its labels when its token is rotated, and the old one makes no successor', async () => {
    const { token } = await make({ labels: ['gpu'] });
    const { worker, token: old } = await joined(token, { name: 'rotated' });
    const { body } = await as(ada.token).post(`workers/${worker.id}/rotate-token`).expect(200);
    await as(old).post(`workers/${worker.id}/heartbeat`, {}).expect(200);
    expect(await codeOf(join(old, { name: 'rotated', replace: true }))).toBe('401 auth/token-rotated');
    const back = await join((body as Joined).token, { name: 'rotated', replace: true }).expect(200);
    expect((back.body as Joined).worker.labels).toEqual(['gpu']);
  });

  it('registers nobody else', async () => {
    const { token } = await make();
    const { token: own } = await joined(token, { name: 'alone' });
    for (const name of ['somebody new', 'phoenix'])
      expect(await codeOf(join(own, { name, replace: true }))).toBe('403 worker/only-itself');
  });
});
