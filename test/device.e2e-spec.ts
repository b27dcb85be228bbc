import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { DeviceFlow, PENDING, TOO_SOON, type Codes } from './device-flow.js';
import { statementsWait } from './lock-waits.js';
import { signIn, type TokenPair } from './sign-in.js';
import type { TestApp } from './test-app.js';

let flow: DeviceFlow;
let server: TestApp;

beforeAll(async () => {
  flow = await DeviceFlow.start();
  server = flow.server;
});
afterAll(() => server.close());

/** As if the device had last asked so many seconds ago. */
const lastPolled = (secondsAgo: number) =>
  server.sql.query(`update device_grants set last_polled_at = now() - make_interval(secs => $1)`, [secondsAgo]);
const auditOf = async (organization_id: string) =>
  (
    await server.sql.query<{ action: string; data: object; actor: object }>(
      'select action, data, actor from audit_entries where organization_id = $1 order by created_at, id',
      [organization_id],
    )
  ).rows;

/** A further organization of the person. */
async function organizationOf(who: TokenPair): Promise<string> {
  const id = newId();
  await server.sql.query(`insert into organizations (id, name) values ($1, 'team')`, [id]);
  await server.sql.query(
    `insert into organization_members (organization_id, user_id, role) values ($1, $2, 'member')`,
    [id, who.user.id],
  );
  return id;
}

describe('a device that wants to be signed in', () => {
  it('gets two codes, the address of the page, and how often to ask', async () => {
    const answered = await server.request.post('/api/v1/auth/device').send({ client_name: 'miyabi' }).expect(200);
    expect(answered.headers['cache-control']).toBe('no-store');
    const { user_code } = answered.body as Codes;
    expect(answered.body).toEqual({
      device_code: expect.stringMatching(/^myd_[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${server.url}/device`,
      verification_uri_complete: `${server.url}/device?user_code=${user_code}`,
      expires_in: 900,
      interval: 5,
    });
  });

  it('leaves neither of them in the database', async () => {
    const { device_code, user_code } = await flow.begin();
    const { rows } = await server.sql.query<{ row: string }>('select g::text as row from device_grants g');
    const hex = (text: string) => Buffer.from(text).toString('hex');
    for (const secret of [device_code, user_code, user_code.replace('-', '')])
      for (const { row } of rows) expect(row.includes(secret) || row.includes(hex(secret))).toBe(false);
  });

  it('is shown under its own name, of which nothing is invisible', async () => {
    const nameOf = async (client_name?: string) =>
      (await flow.lookUp(await flow.begin({ client_name })).expect(200)).body.client_name as string;
    expect(await nameOf('\u202eevil\u200b on\tÄmilie 🚀')).toBe('evil onÄmilie 🚀');
    expect(await nameOf('\u200b')).toBe('Unnamed device');
    expect(await nameOf()).toBe('Unnamed device');
  });

  it.each([{ client_name: '' }, { client_name: ' ' }, { client_name: 'x'.repeat(101) }, { client_name: null }])(
    'may not call itself %j',
    async (body) => {
      await server.request.post('/api/v1/auth/device').send(body).expect(400);
    },
  );

  it('is told to wait, then gets its tokens once, as the person who approved', async () => {
    const who = await signIn(server);
    const codes = await flow.begin({ client_name: 'miyabi on build-host-3' });
    expect(await flow.refusal(codes)).toBe(PENDING);
    const approved = await flow.answer(codes, undefined, who).expect(200);
    expect(approved.body).toEqual({
      client_name: 'miyabi on build-host-3',
      ip: '127.0.0.1',
      user_agent: 'cli/1',
      created_at: expect.stringMatching(/Z$/),
      expires_at: expect.stringMatching(/Z$/),
      status: 'approved',
    });
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    const tokens = await flow.exchange(codes, { grant_type, client_id: 'miyabi-cli' }).set('User-Agent', 'cli/2');
    expect([tokens.status, tokens.headers['cache-control']]).toEqual([200, 'no-store']);
    const pair = tokens.body as TokenPair;
    expect(pair).toMatchObject({ token_type: 'Bearer', expires_in: 3600, user: { id: who.user.id } });
    await flow.me(pair).expect(200);
    expect(await flow.refusal(codes)).toBe('400 invalid_grant auth/invalid-grant');
    await server.request.post('/api/v1/auth/refresh').send({ refresh_token: pair.refresh_token }).expect(200);
    const [, own] = await flow.sessionsOf(who);
    expect(own).toMatchObject({ origin: 'mock', user_agent: 'cli/2', ip: '127.0.0.1' });
  });

  it('is remembered in the audit log: who approved what, and that it was signed in', async () => {
    const who = await signIn(server);
    const [{ organization_id } = { organization_id: '' }] = await flow.sessionsOf(who);
    const codes = await flow.begin({ client_name: 'miyabi' });
    await flow.answer(codes, true, who).expect(200);
    await flow.exchange(codes).expect(200);
    await flow.answer(await flow.begin(), false, who).expect(200);
    const actor = expect.objectContaining({ type: 'user', id: who.user.id });
    expect(await auditOf(organization_id)).toEqual([
      expect.objectContaining({ action: 'auth.signed_in' }),
      { action: 'auth.device_approved', data: { client_name: 'miyabi', device_ip: '127.0.0.1' }, actor },
      { action: 'auth.signed_in', data: { origin: 'mock', client_name: 'miyabi' }, actor },
      { action: 'auth.device_denied', data: { client_name: 'Unnamed device', device_ip: '127.0.0.1' }, actor },
    ]);
  });

  it('acts where the approving token acted, and is of the origin of its session', async () => {
    const who = await signIn(server);
    const team = await organizationOf(who);
    const move = async (organization_id: string, { refresh_token }: TokenPair): Promise<TokenPair> => {
      await server.sql.query(`update sessions set organization_id = $1, origin = 'github' where user_id = $2`, [
        organization_id,
        who.user.id,
      ]);
      return (await server.request.post('/api/v1/auth/refresh').send({ refresh_token }).expect(200)).body as TokenPair;
    };
    const [{ organization_id: personal } = { organization_id: '' }] = await flow.sessionsOf(who);
    const inTeam = await move(team, who);
    const codes = await flow.begin();
    await flow.answer(codes, true, inTeam).expect(200);
    // Where the person goes on to afterwards does not matter.
    await move(personal, inTeam);
    const { body } = await flow.exchange(codes).expect(200);
    expect((await flow.me(body as TokenPair).expect(200)).body).toMatchObject({
      organization: { id: team, name: 'team' },
      role: 'member',
    });
    expect((await flow.sessionsOf(who)).at(-1)).toMatchObject({ organization_id: team, origin: 'github' });
  });

  it('asking 20 times at once gets one pair of tokens', async () => {
    for (let round = 0; round < 5; round++) {
      const who = await signIn(server);
      const codes = await flow.begin();
      await flow.answer(codes, true, who).expect(200);
      const answers = await Promise.all(Array.from({ length: 20 }, () => flow.exchange(codes)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ status, body }) => status !== 200 && body.error !== 'invalid_grant')).toEqual([]);
      expect(await flow.sessionsOf(who)).toHaveLength(2);
    }
  });
});

describe('a device that asks too soon', () => {
  it('is told to slow down, by five seconds more each time', async () => {
    const codes = await flow.begin();
    expect(await flow.refusal(codes)).toBe(PENDING);
    expect((await flow.exchange(codes)).body).toMatchObject({ error: 'slow_down', interval: 10 });
    expect((await flow.exchange(codes)).body).toMatchObject({ error: 'slow_down', interval: 15 });
  });

  it('has to keep the longer interval from then on', async () => {
    const codes = await flow.begin();
    expect(await flow.refusal(codes)).toBe(PENDING);
    await lastPolled(4.9);
    expect(await flow.refusal(codes)).toBe(TOO_SOON);
    await lastPolled(9.9);
    expect(await flow.refusal(codes)).toBe(TOO_SOON);
    await lastPolled(15);
    expect(await flow.refusal(codes)).toBe(PENDING);
    await lastPolled(15);
    expect(await flow.refusal(codes)).toBe(PENDING);
  });

  it('at the same moment is told so, but for the first question', async () => {
    const codes = await flow.begin();
    // All of them look at the device before any of them may write down that it has asked.
    await server.sql.query('begin');
    await server.sql.query('select 1 from device_grants for update');
    const asked = Promise.all(Array.from({ length: 5 }, () => flow.exchange(codes)));
    await statementsWait(server, 5);
    await server.sql.query('commit');
    const answers = await asked;
    expect(answers.filter(({ body }) => body.error === 'authorization_pending')).toHaveLength(1);
    const intervals = answers.flatMap(({ body }) => (body.error === 'slow_down' ? [Number(body.interval)] : []));
    expect(intervals.sort((a, b) => a - b)).toEqual([10, 15, 20, 25]);
  });

  it('gets its tokens all the same once it is approved', async () => {
    const codes = await flow.begin();
    expect(await flow.refusal(codes)).toBe(PENDING);
    await flow.answer(codes).expect(200);
    await flow.exchange(codes).expect(200);
  });
});
