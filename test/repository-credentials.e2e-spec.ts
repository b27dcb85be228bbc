import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DutiesService } from '../src/duties/duties.service.js';
import { CredentialRotationDuty } from '../src/repositories/credential-rotation.duty.js';
import { MirrorRefreshDuty } from '../src/repositories/mirror-refresh.duty.js';
import { Caller, type Repository } from './caller.js';
import { eventually } from './eventually.js';
import { joinsAs } from './memberships.js';
import { CREDENTIALS, PrivateSite } from './private-site.js';
import { codeOf } from './sign-in.js';
import { startTestApp } from './test-app.js';

const { password: PASSWORD } = CREDENTIALS;

let site: PrivateSite;

beforeAll(async () => {
  site = await PrivateSite.open();
});
afterAll(() => site.close());
beforeEach(() => site.reset());

const runDuty = (duty: typeof MirrorRefreshDuty | typeof CredentialRotationDuty, at = site.server) =>
  at.app.get(DutiesService).runOnce(at.app.get<MirrorRefreshDuty>(duty, { strict: false }));

describe('a private repository', () => {
  it('is registered with credentials, fetched with them, and tells nobody what they are', async () => {
    const { clone_url, commit } = site.hosted();
    const answer = await site.caller.post('/repositories', { clone_url, credentials: CREDENTIALS }).expect(201);
    const { id } = answer.body as Repository;
    expect(answer.body).toMatchObject({ has_credentials: true, clone_url });
    await eventually('it is fetched', async () => (await site.read(id)).status === 'ready');
    expect(await site.caller.messages(`repository_id=${id}`)).toEqual(['feat: private']);
    const later = commit('feat: later');
    const synced = await site.caller.post(`/repositories/${id}/sync`).expect(200);
    expect(synced.body).toMatchObject({ status: 'ready', last_error: null, has_credentials: true });
    expect(site.mirrored(id)).toBe(later);
    const said = [
      answer.text,
      synced.text,
      (await site.caller.get('/repositories')).text,
      (await site.caller.get('/audit-log')).text,
    ];
    expect(said.filter((text) => text.includes(PASSWORD) || text.includes('"ada"'))).toEqual([]);
    expect((await site.caller.get(`/audit-log?action=repository.credentials_set`)).body).toMatchObject({
      items: expect.arrayContaining([
        expect.objectContaining({ subject: { repository_id: id }, data: {} }) as object,
      ]) as object,
    });
  });

  it('is kept fresh with them by the duty', async () => {
    const { clone_url, commit } = site.hosted();
    const { id } = await site.registered({ clone_url, credentials: CREDENTIALS });
    const later = commit('feat: later');
    await site.server.sql.query(
      `update repositories set refresh_at = now(), last_synced_at = now() - interval '1 minute' where id = $1`,
      [id],
    );
    await eventually('the duty has fetched it', async () => {
      await runDuty(MirrorRefreshDuty);
      return site.mirrored(id) === later;
    });
  });

  it('without credentials says what to do, and is fetched as soon as they are given', async () => {
    const { clone_url } = site.hosted();
    const repository = await site.registered({ clone_url });
    expect(repository).toMatchObject({ status: 'error', has_credentials: false });
    expect(repository.last_error).toMatch(/asks for credentials.*PUT \/repositories\/\{id\}\/credentials/);
    const given = await site.caller.put(`/repositories/${repository.id}/credentials`, CREDENTIALS).expect(200);
    expect(given.body).toMatchObject({ status: 'ready', last_error: null, has_credentials: true });
    expect(given.text).not.toContain(PASSWORD);
  });

  it('whose credentials are wrong, or have expired, says so without naming them, and goes on with new ones', async () => {
    const { clone_url } = site.hosted();
    const { id } = await site.registered({
      clone_url,
      credentials: { ...CREDENTIALS, password: 'wrong-horse-battery' },
    });
    const failed = await site.read(id);
    expect(failed).toMatchObject({ status: 'error', has_credentials: true });
    expect(failed.last_error).toMatch(/refuses the credentials.*expired.*PUT \/repositories\/\{id\}\/credentials/);
    const refused = await site.caller.post(`/repositories/${id}/sync`).expect(409);
    expect(refused.body).toMatchObject({ code: 'git/failed', reason: 'credentials_refused' });
    expect((await site.caller.put(`/repositories/${id}/credentials`, CREDENTIALS).expect(200)).body).toMatchObject({
      status: 'ready',
    });
    site.host.accepted = { user: 'ada', password: 'renewed-horse-battery' };
    await site.caller.post(`/repositories/${id}/sync`).expect(409);
    const renewed = await site.caller
      .put(`/repositories/${id}/credentials`, { username: 'ada', password: 'renewed-horse-battery' })
      .expect(200);
    expect(renewed.body).toMatchObject({ status: 'ready', last_error: null });
    for (const text of [JSON.stringify(failed), refused.text, renewed.text]) expect(text).not.toMatch(/horse/);
  });

  it('takes a token without a user name', async () => {
    site.host.accepted = { user: 'x-access-token', password: 'ghp_token' };
    const { clone_url } = site.hosted();
    expect(await site.registered({ clone_url, credentials: { password: 'ghp_token' } })).toMatchObject({
      status: 'ready',
    });
  });

  it('whose credentials are removed is fetched without, keeps what it has, and needs none to be deleted', async () => {
    const { clone_url, commit } = site.hosted();
    const { id } = await site.registered({ clone_url, credentials: CREDENTIALS });
    commit('feat: unseen');
    site.host.seen.length = 0;
    await site.caller.delete(`/repositories/${id}/credentials`).expect(204);
    expect(await site.read(id)).toMatchObject({ status: 'error', has_credentials: false });
    expect(site.host.seen).toEqual([null]);
    expect(await site.caller.messages(`repository_id=${id}`)).toEqual(['feat: private']);
    await site.caller.delete(`/repositories/${id}/credentials`).expect(204);
    const { items } = (await site.caller.get('/audit-log?action=repository.credentials_removed').expect(200)).body as {
      items: { subject: { repository_id: string } }[];
    };
    expect(items.filter(({ subject }) => subject.repository_id === id)).toHaveLength(1);
    await site.caller.delete(`/repositories/${id}`).expect(204);
  });

  it('of one organization is of no use to another that registers the same address', async () => {
    const { clone_url } = site.hosted();
    const mine = await site.registered({ clone_url, credentials: CREDENTIALS });
    const stranger = await Caller.signIn(site.server);
    const theirs = await site.registered({ clone_url }, stranger);
    expect(mine.status).toBe('ready');
    expect(theirs).toMatchObject({ status: 'error', has_credentials: false });
    expect(theirs.id).not.toBe(mine.id);
    await stranger.get(`/logs?repository_id=${theirs.id}`).expect(409);
    for (const call of [
      stranger.put(`/repositories/${mine.id}/credentials`, CREDENTIALS),
      stranger.delete(`/repositories/${mine.id}/credentials`),
    ])
      expect(await codeOf(call)).toBe('404 repository/not-found');
    expect(await site.read(mine.id)).toMatchObject({ has_credentials: true });
  });
});

describe('credentials', () => {
  it('that were moved to another repository, or to another address, cannot be opened there', async () => {
    const { clone_url } = site.hosted();
    const { id } = await site.registered({ clone_url, credentials: CREDENTIALS });
    const victim = await site.registered({ clone_url: site.hosted().clone_url });
    await site.server.sql.query(
      `update repositories v set sealed_credentials = r.sealed_credentials, credentials_key_id = r.credentials_key_id
       from repositories r where v.id = $1 and r.id = $2`,
      [victim.id, id],
    );
    await site.caller.post(`/repositories/${victim.id}/sync`).expect(409);
    expect((await site.read(victim.id)).last_error).toMatch(/cannot be opened any more/);
    await site.server.sql.query('update repositories set clone_url = $2 where id = $1', [
      id,
      site.other.url('trap.git'),
    ]);
    await site.caller.post(`/repositories/${id}/sync`).expect(409);
    expect(site.other.seen).toEqual([]);
  });

  it('of a kind that holds an end of line, or nothing, are refused and not repeated', async () => {
    const { clone_url } = site.hosted();
    const { id } = await site.registered({ clone_url });
    for (const wrong of [
      { password: `${PASSWORD}\nhost=other.example` },
      { password: '' },
      { password: null },
      { username: 'ada:x', password: PASSWORD },
      { username: `ada\rpassword=${PASSWORD}`, password: 'x' },
      { username: 'ada' },
      { password: PASSWORD.repeat(300) },
      { password: PASSWORD, token: PASSWORD },
      [PASSWORD],
    ]) {
      const answers = [
        await site.caller.put(`/repositories/${id}/credentials`, wrong).expect(400),
        await site.caller.post('/repositories', { clone_url: site.hosted().clone_url, credentials: wrong }).expect(400),
      ];
      for (const { text } of answers) expect(text).not.toContain(PASSWORD);
    }
  });

  it('are for https addresses alone', async () => {
    const local_path = site.scratch.repository('roots/local');
    const ssh = { clone_url: 'ssh://git@localhost:1/x.git' };
    for (const body of [{ local_path }, ssh])
      expect(await codeOf(site.caller.post('/repositories', { ...body, credentials: CREDENTIALS }))).toBe(
        '400 request/invalid',
      );
    const { id } = await site.caller.register(local_path);
    expect(await codeOf(site.caller.put(`/repositories/${id}/credentials`, CREDENTIALS))).toBe(
      '409 repository/credentials-not-taken',
    );
  });

  it('are given by who may manage repositories; a member gives those of what they register', async () => {
    const { organization_id } = await site.caller.register(site.scratch.repository('roots/managed'));
    const member = new Caller(site.server, {
      authorization: `Bearer ${(await joinsAs(site.server, organization_id, 'member')).token}`,
    });
    const { id } = await site.registered({ clone_url: site.hosted().clone_url, credentials: CREDENTIALS }, member);
    await member.put(`/repositories/${id}/credentials`, CREDENTIALS).expect(403);
    await member.delete(`/repositories/${id}/credentials`).expect(403);
    await member.patch(`/repositories/${id}`, { credentials: CREDENTIALS }).expect(400);
  });

  it('are told apart by an Idempotency-Key, and not kept with it', async () => {
    const { clone_url } = site.hosted();
    const post = (password: string) =>
      site.caller
        .post('/repositories', { clone_url, credentials: { password } })
        .set('Idempotency-Key', 'register-once');
    const first = await post('first-horse').expect(201);
    expect((await post('first-horse').expect(201)).body).toEqual(first.body);
    expect(await codeOf(post('second-horse'))).toBe('409 idempotency/other-body');
    const { rows } = await site.server.sql.query<{ row: string }>(
      'select to_jsonb(k)::text as row from idempotency_keys k',
    );
    expect(rows.filter(({ row }) => row.includes('horse'))).toEqual([]);
  });

  it('are sealed anew with a new key, and opened with it alone afterwards', async () => {
    const { clone_url, commit } = site.hosted();
    const { id } = await site.registered({ clone_url, credentials: CREDENTIALS });
    const keys = `two:${randomBytes(32).toString('base64')}`;
    const settings = { GIT_ROOT: join(site.scratch.path, 'mirrors'), PRIVATE_CLONE_ADDRESSES: 'on' };
    const rotating = await startTestApp({ ...settings, TOKEN_ENCRYPTION_KEYS: `${keys},one:${site.key}` }, site.server);
    await runDuty(CredentialRotationDuty, rotating);
    await rotating.close();
    const { rows } = await site.server.sql.query<{ credentials_key_id: string }>(
      'select credentials_key_id from repositories where id = $1',
      [id],
    );
    expect(rows).toEqual([{ credentials_key_id: 'two' }]);
    // This server knows the old key alone.
    await site.caller.post(`/repositories/${id}/sync`).expect(409);
    expect((await site.read(id)).last_error).toMatch(/key is gone/);
    const rotated = await startTestApp({ ...settings, TOKEN_ENCRYPTION_KEYS: keys }, site.server);
    const later = commit('feat: later');
    try {
      await site.caller.at(rotated).post(`/repositories/${id}/sync`).expect(200);
    } finally {
      await rotated.close();
    }
    expect(site.mirrored(id)).toBe(later);
  });

  it('are not taken where there is no key to seal them with', async () => {
    const keyless = await startTestApp({ PRIVATE_CLONE_ADDRESSES: 'on' });
    const answer = (await Caller.signIn(keyless)).post('/repositories', {
      clone_url: site.host.url('x.git'),
      credentials: CREDENTIALS,
    });
    expect(await codeOf(answer)).toBe('409 repository/no-key-for-credentials');
    await keyless.close();
  });
});
