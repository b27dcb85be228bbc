import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AccessKeysService } from '../src/auth/access-keys.service.js';
import { AccessKeysStore } from '../src/auth/access-keys.store.js';
import { JoinTokensService } from '../src/auth/join-tokens.service.js';
import { hashOfSecret } from '../src/auth/keys.js';
import { AuthConfig } from '../src/config/auth.config.js';
import { QueueConfig } from '../src/config/queue.config.js';
import { newId } from '../src/ids.js';
// The generator that `npm run start:dev` uses before the server is built.
import { newKey as newRegistrationKey } from '../scripts/secrets.mjs';
import { codeOf, signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const REGISTRATION_KEY = newRegistrationKey();

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp({ WORKER_REGISTRATION_KEY: REGISTRATION_KEY });
});
afterAll(() => server.close());

const get = (path: string, token: string) =>
  server.request.get(`/api/v1/${path}`).set('Authorization', `Bearer ${token}`);

const numberOf = async (sql: string, parameters: unknown[] = []): Promise<number> =>
  Number((await server.sql.query<{ n: string }>(`select count(*) as n from ${sql}`, parameters)).rows[0]?.n);

describe('keys', () => {
  const issue = async (worker_id = newId()) => {
    const keys = server.app.get(AccessKeysService);
    const { secret } = await keys.issueWorkerToken({ organization_id: null, worker_id, name: 'w1' });
    return { worker_id, keys, secret };
  };

  it('of the configuration register workers and coordinators and may do nothing else', async () => {
    const principal = await server.app.get(AccessKeysService).identify(REGISTRATION_KEY);
    expect(principal).toMatchObject({ kind: 'api_key', organization_id: null });
    expect([...principal.permissions]).toEqual(['workers.register', 'coordinators.register']);
    const { body } = await get('organizations', REGISTRATION_KEY).expect(403);
    expect(body).toMatchObject({ code: 'auth/forbidden', detail: 'This needs the permission organizations.read.' });
    expect(await codeOf(get('auth/me', REGISTRATION_KEY))).toBe('403 auth/forbidden');
  });

  it('of workers are of no use on the routes of people', async () => {
    const { secret } = await issue();
    for (const path of ['organizations', 'auth/me']) expect(await codeOf(get(path, secret))).toBe('403 auth/forbidden');
  });

  it('of a worker are refused as soon as they are revoked, and no others', async () => {
    const [one, other] = [await issue(), await issue()];
    await expect(one.keys.identify(one.secret)).resolves.toMatchObject({ kind: 'worker', id: one.worker_id });
    await one.keys.revokeForWorker(one.worker_id);
    // There is no such worker; for the others see test/worker-controls.e2e-spec.ts.
    expect(await codeOf(get('auth/me', one.secret))).toBe('401 auth/worker-deleted');
    await other.keys.identify(other.secret);
  });

  it('that have expired are refused', async () => {
    const { secret } = await issue();
    await server.sql.query('update access_keys set expires_at = now() where secret_hash = $1', [hashOfSecret(secret)]);
    expect(await codeOf(get('auth/me', secret))).toBe('401 auth/token-rotated');
  });

  it('are refused for a typing error without asking the database', async () => {
    const { secret, keys } = await issue();
    await expect(keys.identify(`${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`)).rejects.toThrow(
      'typing error',
    );
  });

  it('share one statement when they come together', async () => {
    const issued = await Promise.all(Array.from({ length: 20 }, () => issue()));
    const statements = jest.spyOn(server.database, 'query');
    const principals = await Promise.all(issued.map(({ keys, secret }) => keys.identify(secret)));
    const texts = statements.mock.calls.map(([text]) => text).filter((text) => text.includes('from access_keys k'));
    statements.mockRestore();
    expect(texts).toHaveLength(1);
    expect(principals.map(({ id }) => id)).toEqual(issued.map(({ worker_id }) => worker_id));
  });

  it('are not in the database, nor are refresh tokens', async () => {
    const { secret } = await issue();
    const { refresh_token } = await signIn(server);
    const { rows } = await server.sql.query<{ dump: string }>(
      `select coalesce(string_agg(row, ' '), '') as dump from (
         select to_jsonb(k)::text as row from access_keys k union all select to_jsonb(t)::text from refresh_tokens t
         union all select to_jsonb(s)::text from sessions s) all_rows`,
    );
    const dump = rows[0]?.dump ?? '';
    expect(dump).toContain(hashOfSecret(secret).toString('hex'));
    for (const text of [secret, refresh_token, REGISTRATION_KEY])
      for (const form of [text, Buffer.from(text).toString('hex')]) expect(dump).not.toContain(form);
  });

  it('of an earlier configuration end when the server starts with another, and come back with it', async () => {
    const keys = server.app.get(AccessKeysService);
    await server.sql.query(`update access_keys set revoked_at = now() where secret_hash = $1`, [
      hashOfSecret(REGISTRATION_KEY),
    ]);
    await server.sql.query(
      `insert into access_keys (id, kind, name, permissions, secret_hash) values ($1, 'registration', 'old', '{}', '\\x01')`,
      [newId()],
    );
    await keys.onApplicationBootstrap();
    await keys.identify(REGISTRATION_KEY);
    expect(await numberOf(`access_keys where name = 'old' and revoked_at is not null`)).toBe(1);
  });

  it('stop the start when the configured one has a typing error, without repeating it', async () => {
    const wrong = `${REGISTRATION_KEY.slice(0, -1)}${REGISTRATION_KEY.endsWith('0') ? '1' : '0'}`;
    const config = Object.assign(new AuthConfig(), { worker_registration_key: wrong });
    const keys = new AccessKeysService(
      server.app.get(AccessKeysStore),
      server.app.get(JoinTokensService),
      server.database,
      config,
      server.app.get(QueueConfig),
    );
    const start = keys.onApplicationBootstrap();
    await expect(start).rejects.toThrow('WORKER_REGISTRATION_KEY');
    await expect(start).rejects.not.toThrow(wrong);
  });
});
