import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isKey } from '../src/auth/keys.js';
import { PERMISSIONS } from '../src/auth/permissions.js';
import { newId } from '../src/ids.js';
import { keysOf, makeKey, type MadeKey } from './api-keys.js';
import { eventually } from './eventually.js';
import {
  becomes,
  caller,
  joinsAs,
  leaves,
  newOrganization,
  ownerOfNew,
  type Member,
  type Role,
} from './memberships.js';
import { codeOf, signIn } from './sign-in.js';
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

describe('a new key', () => {
  it('is shown once, whole, and is not stored by caches', async () => {
    const ada = await owner();
    const expires_at = new Date(Date.now() + 3600_000).toISOString();
    const answer = await as(ada.token)
      .post('api-keys', {
        name: ' Nightly build ',
        permissions: ['tasks.create', 'tasks.read', 'tasks.read'],
        expires_at,
      })
      .expect(201);
    const { api_key, secret } = answer.body as MadeKey;
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(isKey(secret)).toBe(true);
    const { id, login } = ada.user;
    expect(answer.body).toEqual({
      secret: expect.stringMatching(/^myk_/),
      api_key: {
        id: expect.any(String),
        name: 'Nightly build',
        prefix: secret.slice(0, 8),
        permissions: ['tasks.read', 'tasks.create'],
        created_by: { id, login },
        created_at: expect.stringMatching(/Z$/),
        expires_at,
        last_used_at: null,
        revoked_at: null,
      },
    });
    expect((await listed(ada.token)).items).toEqual([api_key]);
    const { rows } = await server.sql.query<{ dump: string }>(
      `select string_agg(row, ' ') as dump from (
         select to_jsonb(k)::text as row from access_keys k union all select to_jsonb(a)::text from audit_entries a) r`,
    );
    expect(rows[0]?.dump).toContain(api_key.id);
    for (const form of [secret.slice(8), Buffer.from(secret).toString('hex')])
      expect(rows[0]?.dump).not.toContain(form);
  });

  it('may do what it was given, in the organization it was made in, and is known as who did it', async () => {
    const ada = await owner();
    const { api_key, secret } = await make(ada, 'tasks.create', 'tasks.read');
    const task = await as(secret).post('tasks', { name: 'Do it', agent_type: 'note' }).expect(201);
    expect(task.body).toMatchObject({
      organization_id: ada.organization_id,
      actor: { type: 'api_key', id: api_key.id, login: null, trigger: null },
    });
    const elsewhere = await newOrganization(server, 'elsewhere');
    await becomes(server, ada.user, 'owner', elsewhere);
    await as(ada.token).post('auth/switch-organization', { organization_id: elsewhere }).expect(200);
    expect((await as(secret).get('tasks').expect(200)).body.items).toHaveLength(1);
    const { body } = await as(secret).get('workers').expect(403);
    expect(body).toMatchObject({ code: 'auth/forbidden', detail: 'This needs the permission workers.read.' });
  });

  it('notes its last use', async () => {
    const ada = await owner();
    const { secret } = await make(ada, 'tasks.read');
    await as(secret).get('tasks').expect(200);
    await eventually('the use is noted', async () => (await listed(ada.token)).items[0]?.last_used_at !== null);
  });

  it('may not do more than its maker, and the refusal names what they lack', async () => {
    const { organization_id } = await owner();
    const bob = await joins(organization_id, 'member');
    const permissions = ['workers.manage', 'tasks.read', 'audit.read'];
    const { body } = await as(bob.token).post('api-keys', { name: 'CI', permissions }).expect(403);
    expect(body).toMatchObject({ code: 'key/permission-not-held', permissions: ['audit.read', 'workers.manage'] });
    expect(await numberOf('access_keys where created_by = $1', [bob.user.id])).toBe(0);
    const carl = await joins(organization_id, 'viewer');
    expect(await codeOf(as(carl.token).post('api-keys', { name: 'CI', permissions: ['tasks.read'] }))).toBe(
      '403 auth/forbidden',
    );
  });

  it('is refused for each fault by its field, and then there is none', async () => {
    const { token } = await owner();
    const good = { name: 'x', permissions: ['tasks.read'] };
    const tooLate = new Date(Date.now() + 3654 * 86_400_000).toISOString();
    const faults: Record<string, unknown[]> = {
      name: [undefined, null, '', ' ', 'x'.repeat(101), 7],
      permissions: [
        undefined,
        null,
        [],
        'tasks.read',
        ['tasks.fly'],
        ['tasks.read', null],
        [[]],
        [...PERMISSIONS, 'x'],
      ],
      expires_at: [null, 'soon', '2020-01-01T00:00:00Z', new Date().toISOString(), tooLate, 0],
      organization_id: [newId()],
      kind: ['worker'],
    };
    for (const [field, values] of Object.entries(faults))
      for (const value of values) {
        const { status, body } = await as(token).post('api-keys', { ...good, [field]: value });
        expect([field, value, status, body]).toMatchObject([field, value, 400, { code: 'request/invalid' }]);
        expect((body as { errors: { field: string }[] }).errors[0]?.field.split('[')[0]).toBe(field);
      }
    expect((await listed(token)).items).toEqual([]);
  });
});

describe('a key in use', () => {
  it('follows the role of its maker with the next request, on every process', async () => {
    const { organization_id } = await owner();
    const bob = await joins(organization_id, 'admin');
    const { secret } = await make(bob, 'audit.read', 'tasks.read', 'tasks.create');
    await as(secret).get('audit-log').expect(200);
    await becomes(server, bob.user, 'member', organization_id);
    for (const on of [server, other]) {
      expect(await codeOf(as(secret, on).get('audit-log'))).toBe('403 auth/forbidden');
      await as(secret, on).post('tasks', { name: 'Do it', agent_type: 'note' }).expect(201);
    }
    await becomes(server, bob.user, 'viewer', organization_id);
    expect(await codeOf(as(secret, other).post('tasks', { name: 'x' }))).toBe('403 auth/forbidden');
    await as(secret, other).get('tasks').expect(200);
    await becomes(server, bob.user, 'owner', organization_id);
    await as(secret, other).get('audit-log').expect(200);
    expect(await codeOf(as(secret, other).get('workers'))).toBe('403 auth/forbidden');
  });

  it('is dead with the membership of its maker, also when they come back, and their other keys live', async () => {
    const { organization_id } = await owner();
    const bob = await joins(organization_id, 'member');
    const home = { ...bob, token: (await signIn(server, Number(bob.user.github_id))).access_token };
    const [here, athome] = [await make(bob, 'tasks.read'), await make(home, 'tasks.read')];
    await leaves(server, bob.user, organization_id);
    for (const on of [server, other])
      expect(await codeOf(as(here.secret, on).get('tasks'))).toBe('401 auth/key-revoked');
    await as(athome.secret).get('tasks').expect(200);
    await becomes(server, bob.user, 'owner', organization_id);
    expect(await codeOf(as(here.secret).get('tasks'))).toBe('401 auth/key-revoked');
  });

  it('is dead when its maker is gone altogether', async () => {
    const ada = await owner();
    const { api_key, secret } = await make(ada, 'tasks.read');
    await server.sql.query('update access_keys set created_by = null where id = $1', [api_key.id]);
    expect(await codeOf(as(secret).get('tasks'))).toBe('401 auth/key-revoked');
    expect((await listed(ada.token)).items[0]).toMatchObject({ id: api_key.id, created_by: null });
  });

  it('stops at its time of expiry', async () => {
    const ada = await owner();
    const expires_at = new Date(Date.now() + 3650 * 86_400_000).toISOString();
    const { body } = await as(ada.token)
      .post('api-keys', { name: 'CI', permissions: ['tasks.read'], expires_at })
      .expect(201);
    const { secret, api_key } = body as MadeKey;
    await as(secret).get('tasks').expect(200);
    await server.sql.query('update access_keys set expires_at = now() where id = $1', [api_key.id]);
    expect(await codeOf(as(secret).get('tasks'))).toBe('401 auth/key-revoked');
  });

  it('is refused for a typing error without a statement', async () => {
    const { secret } = await make(await owner(), 'tasks.read');
    const wrong = secret.slice(0, 20) + (secret[20] === 'x' ? 'y' : 'x') + secret.slice(21);
    const statements = jest.spyOn(server.database, 'query');
    expect(await codeOf(as(wrong).get('tasks'))).toBe('401 auth/invalid-token');
    const asked = statements.mock.calls.filter(([text]) => text.includes('access_keys'));
    statements.mockRestore();
    expect(asked).toEqual([]);
  });

  it('is no worker, whatever it may do, but may register one for its organization', async () => {
    const ada = await owner();
    const { secret } = await make(ada, ...PERMISSIONS);
    const { body } = await as(secret).post('workers', { name: 'w1' }).expect(201);
    const { worker } = body as { worker: { id: string; scope: string } };
    expect(worker.scope).toBe('organization');
    for (const route of [`workers/${worker.id}/claim`, `workers/${worker.id}/heartbeat`, `executions/${newId()}/logs`])
      expect(await codeOf(as(secret).post(route))).toBe('403 auth/forbidden');
    expect(await codeOf(as(secret).post('workers', { name: 'w2', scope: 'instance' }))).toMatch(/^403/);
  });

  it('makes no keys and has no sessions, being no person', async () => {
    const { organization_id, secret } = { ...(await owner()), ...(await make(await owner(), ...PERMISSIONS)) };
    const body = { name: 'CI', permissions: ['tasks.read'] };
    expect(await codeOf(as(secret).post('api-keys', body))).toBe('403 auth/forbidden');
    expect(await codeOf(as(secret).get('auth/sessions'))).toBe('403 auth/forbidden');
    expect(await codeOf(as(secret).delete(`auth/sessions/${newId()}`))).toBe('403 auth/forbidden');
    expect(await codeOf(as(secret).post('auth/switch-organization', { organization_id }))).toBe('403 auth/forbidden');
  });
});
