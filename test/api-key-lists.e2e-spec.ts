import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { keysOf, makeKey, type KeyPage } from './api-keys.js';
import { caller, joinsAs, ownerOfNew, type Member, type Role } from './memberships.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
/** Another process of the same system. */
let other: TestApp;

beforeAll(async () => {
  const JWT_SECRET = randomBytes(32).toString('base64');
  server = await startTestApp({ JWT_SECRET });
  other = await startTestApp({ JWT_SECRET }, server);
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const as = (token: string, on = server) => caller(on, token);
const owner = () => ownerOfNew(server);
const joins = (organization_id: string, role: Role) => joinsAs(server, organization_id, role);
const make = (person: Member, ...permissions: string[]) => makeKey(server, person, ...permissions);
const listed = (token: string, query = '') => keysOf(server, token, query);
const numberOf = async (sql: string, parameters: unknown[]): Promise<number> =>
  Number((await server.sql.query<{ n: string }>(`select count(*) as n from ${sql}`, parameters)).rows[0]?.n);
const idsOf = ({ items }: KeyPage) => items.map(({ id }) => id);
const comparable = ({ body }: { body: unknown }) => ({ ...(body as object), request_id: '' });

describe('the list of keys', () => {
  it('has all of the organization for owners and admins, and their own for members, page by page', async () => {
    const ada = await owner();
    const [admin, bob, viewer] = [
      await joins(ada.organization_id, 'admin'),
      await joins(ada.organization_id, 'member'),
      await joins(ada.organization_id, 'viewer'),
    ];
    const made = [await make(ada, 'tasks.read'), await make(bob, 'tasks.read'), await make(bob, 'tasks.create')];
    const [first, second, third] = made.map(({ api_key }) => api_key.id);
    await make(await owner(), 'tasks.read');
    for (const { token } of [ada, admin]) expect(idsOf(await listed(token))).toEqual([third, second, first]);
    expect(idsOf(await listed(bob.token))).toEqual([third, second]);
    expect(await codeOf(as(viewer.token).get('api-keys'))).toBe('403 auth/forbidden');
    const page = await listed(ada.token, 'limit=2');
    expect(idsOf(page)).toEqual([third, second]);
    expect(await listed(ada.token, `limit=2&cursor=${String(page.next_cursor)}`)).toMatchObject({
      items: [{ id: first }],
      next_cursor: null,
    });
    for (const query of ['cursor=broken', 'limit=0', 'limit=0x10', 'all=true'])
      expect(await codeOf(as(ada.token).get(`api-keys?${query}`))).toBe('400 request/invalid');
  });

  it('is open to a key with keys.manage, as far as its maker sees', async () => {
    const ada = await owner();
    const bob = await joins(ada.organization_id, 'member');
    const [ofAda, ofBob] = [await make(ada, 'keys.manage'), await make(bob, 'keys.manage')];
    expect(idsOf(await listed(ofAda.secret))).toEqual([ofBob.api_key.id, ofAda.api_key.id]);
    expect(idsOf(await listed(ofBob.secret))).toEqual([ofBob.api_key.id]);
    expect(await codeOf(as(ofBob.secret).delete(`api-keys/${ofAda.api_key.id}`))).toBe('404 key/not-found');
    await as(ofBob.secret).delete(`api-keys/${ofBob.api_key.id}`).expect(204);
    expect(await codeOf(as(ofBob.secret).get('api-keys'))).toBe('401 auth/key-revoked');
  });
});

describe('revoking a key', () => {
  it('acts with the next request on every process, and a second time changes nothing', async () => {
    const ada = await owner();
    const { api_key, secret } = await make(ada, 'tasks.read');
    await as(secret, other).get('tasks').expect(200);
    await as(ada.token).delete(`api-keys/${api_key.id}`).expect(204);
    for (const on of [other, server]) expect(await codeOf(as(secret, on).get('tasks'))).toBe('401 auth/key-revoked');
    const [before] = (await listed(ada.token)).items;
    expect(before?.revoked_at).toMatch(/Z$/);
    await Promise.all([1, 2, 3].map(() => as(ada.token).delete(`api-keys/${api_key.id}`).expect(204)));
    expect((await listed(ada.token)).items).toEqual([before]);
    expect(
      await numberOf(`audit_entries where subject ->> 'key_id' = $1 and action = 'key.revoked'`, [api_key.id]),
    ).toBe(1);
  });

  it('is for its maker, owners and admins; to others it looks like a key that is not there', async () => {
    const ada = await owner();
    const [admin, bob, carl] = [
      await joins(ada.organization_id, 'admin'),
      await joins(ada.organization_id, 'member'),
      await joins(ada.organization_id, 'member'),
    ];
    const stranger = await owner();
    const keys = [await make(bob, 'tasks.read'), await make(bob, 'tasks.read'), await make(bob, 'tasks.read')];
    const [path] = keys.map(({ api_key }) => `api-keys/${api_key.id}`);
    for (const { token } of [carl, stranger]) {
      const [foreign, absent] = [path!, `api-keys/${newId()}`].map((address) => as(token).delete(address).expect(404));
      expect(comparable(await foreign!)).toEqual(comparable(await absent!));
    }
    await as(keys[0]!.secret).get('tasks').expect(200);
    for (const [at, person] of [ada, admin, bob].entries())
      await as(person.token).delete(`api-keys/${keys[at]!.api_key.id}`).expect(204);
    for (const { secret } of keys) expect(await codeOf(as(secret).get('tasks'))).toBe('401 auth/key-revoked');
    expect(await codeOf(as(ada.token).delete('api-keys/not-an-id'))).toBe('400 request/invalid');
  });

  it('does not reach the tokens of workers', async () => {
    const ada = await owner();
    const { body } = await as(ada.token).post('workers', { name: 'w1' }).expect(201);
    const { worker, token } = body as { worker: { id: string }; token: string };
    const { rows } = await server.sql.query<{ id: string }>('select id from access_keys where worker_id = $1', [
      worker.id,
    ]);
    expect(await codeOf(as(ada.token).delete(`api-keys/${rows[0]!.id}`))).toBe('404 key/not-found');
    await as(token).post(`workers/${worker.id}/heartbeat`).expect(200);
    expect((await listed(ada.token)).items).toEqual([]);
  });
});
