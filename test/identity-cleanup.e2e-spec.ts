import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DutiesService } from '../src/duties/duties.service.js';
import { LimitsService } from '../src/limits/limits.service.js';
import { IdentityCleanupDuty } from '../src/sign-in/identity-cleanup.duty.js';
import { registerWorker, signInPerson } from './fleet.js';
import { signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const count = async (from: string): Promise<number> =>
  Number((await server.sql.query<{ n: string }>(`select count(*) as n from ${from}`)).rows[0]?.n);
const cleanUp = () => server.app.get(DutiesService).runOnce(server.app.get(IdentityCleanupDuty, { strict: false }));

describe('the clean-up of identities', () => {
  it('removes states of GitHub sign-ins that did not come back, however many', async () => {
    await server.sql.query(
      `insert into oauth_states (state_hash, browser_hash, sealed_verifier, redirect, expires_at)
       select sha256(n::text::bytea), 'b', 'v', '/', now() + make_interval(secs => case when n <= 2500 then -1 else 60 end)
       from generate_series(1, 2501) n`,
    );
    await cleanUp();
    expect(await count('oauth_states')).toBe(1);
  });

  it('removes devices an hour after their codes have expired', async () => {
    await server.sql.query(
      `insert into device_grants (id, device_code_hash, user_code_hash, client_name, interval_seconds, expires_at)
       select gen_random_uuid(), sha256(n::text::bytea), sha256(n::text::bytea), 'c', 5, now() - make_interval(mins => n * 59)
       from generate_series(0, 2) n`,
    );
    await cleanUp();
    expect(await count('device_grants')).toBe(2);
    expect(await count(`device_grants where expires_at > now() - interval '1 hour'`)).toBe(2);
  });

  it('removes sessions 30 days after their end, with their refresh tokens', async () => {
    const people = { old: await signIn(server), recent: await signIn(server), live: await signIn(server) };
    for (const { refresh_token } of Object.values(people))
      await server.request.post('/api/v1/auth/refresh').send({ refresh_token }).expect(200);
    const end = (id: string, ago: string) =>
      server.sql.query(`update sessions set expires_at = now() - $1::interval where user_id = $2`, [ago, id]);
    await end(people.old.user.id, '30 days 1 second');
    await end(people.recent.user.id, '29 days 23 hours');
    await cleanUp();
    const { rows } = await server.sql.query('select user_id from sessions order by created_at');
    expect(rows).toEqual([{ user_id: people.recent.user.id }, { user_id: people.live.user.id }]);
    expect(await count('refresh_tokens')).toBe(4);
  });

  it('removes join tokens 30 days after they could last have been used, and what they have let in stays', async () => {
    const owner = await signInPerson(server);
    const made = async (ago: string) => {
      const { body } = await owner.post('/workers/join-tokens', { expires_in: 60, uses: 2 });
      const { id, token } = body as { id: string; token: string };
      const worker = await registerWorker(server, {}, token);
      await server.sql.query('update access_keys set expires_at = now() - $1::interval where id = $2', [ago, id]);
      return { id, worker };
    };
    const old = await made('30 days 1 second');
    const recent = await made('29 days 23 hours');
    await owner.delete(`/workers/join-tokens/${recent.id}`);
    const live = await made('-1 minute');
    await cleanUp();
    const { items } = (await owner.get('/workers/join-tokens')).body as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual([live.id, recent.id]);
    expect((await old.worker.post(`/workers/${old.worker.id}/heartbeat`, {})).status).toBe(200);
    expect((await owner.get(`/workers/${old.worker.id}`)).status).toBe(200);
    const audit = (await owner.get('/audit-log?action=join_token.used')).body as { items: { subject: object }[] };
    expect(audit.items).toContainEqual(
      expect.objectContaining({ subject: { key_id: old.id, worker_id: old.worker.id } }),
    );
  });

  it('removes counts of attempts whose time is over, but waits for none that is in use', async () => {
    await server.sql.query(
      `insert into rate_limits
       select 'k' || n, 1, (extract(epoch from now()) * 1000)::bigint + case when n = 1 then 60000 else -1 end
       from generate_series(1, 1002) n`,
    );
    await server.sql.query('begin');
    await server.sql.query(`select 1 from rate_limits where key = 'k2' for update`);
    await cleanUp();
    await server.sql.query('commit');
    expect((await server.sql.query('select key from rate_limits order by key')).rows).toEqual([
      { key: 'k1' },
      { key: 'k2' },
    ]);
    expect(await server.app.get(LimitsService).deleteExpired(10)).toBe(1);
  });
});
