import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bearer, DeviceFlow, PENDING } from './device-flow.js';
import { codeOf, signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const WRONG = 'BBBB-BBBB';

let flow: DeviceFlow;
let server: TestApp;

beforeAll(async () => {
  flow = await DeviceFlow.start();
  server = flow.server;
});
afterAll(() => server.close());

const expire = () => server.sql.query('update device_grants set expires_at = now()');

describe('a device gets nothing', () => {
  it('with a code that is unknown, or no code', async () => {
    const unknown = { ...(await flow.begin()), device_code: `myd_${'A'.repeat(43)}` };
    expect(await flow.refusal(unknown)).toBe('400 invalid_grant auth/invalid-grant');
    for (const body of [{}, { device_code: 7 }, { device_code: 'a b' }, { device_code: 'x', grant_type: 'password' }])
      expect(await codeOf(server.request.post('/api/v1/auth/device/token').send(body))).toBe('400 request/invalid');
  });

  it('with the code that is meant for people', async () => {
    const { user_code } = await flow.begin();
    for (const device_code of [user_code, user_code.replace('-', '')])
      expect(await codeOf(server.request.post('/api/v1/auth/device/token').send({ device_code }))).toBe(
        '400 auth/invalid-grant',
      );
  });

  it('after 15 minutes, approved or not', async () => {
    const [waiting, approved] = [await flow.begin(), await flow.begin()];
    await flow.answer(approved).expect(200);
    await expire();
    for (const codes of [waiting, approved])
      expect(await flow.refusal(codes)).toBe('400 expired_token auth/expired-token');
    expect(await codeOf(flow.answer(waiting))).toBe('404 auth/unknown-user-code');
    expect(await codeOf(flow.lookUp(waiting))).toBe('404 auth/unknown-user-code');
  });

  it('when it is denied', async () => {
    const codes = await flow.begin();
    expect((await flow.answer(codes, false).expect(200)).body).toMatchObject({ status: 'denied' });
    expect(await flow.refusal(codes)).toBe('400 access_denied auth/access-denied');
    expect(await codeOf(flow.answer(codes, true))).toBe('409 auth/device-already-answered');
    expect(await flow.refusal(codes)).toBe('400 access_denied auth/access-denied');
  });

  it('when the person has left the organization before it asks, also when they come back', async () => {
    const who = await signIn(server);
    const codes = await flow.begin();
    await flow.answer(codes, true, who).expect(200);
    const { rows } = await server.sql.query<{ organization_id: string }>(
      'delete from organization_members where user_id = $1 returning organization_id',
      [who.user.id],
    );
    expect(await flow.refusal(codes)).toBe('400 access_denied auth/access-denied');
    await server.sql.query(
      `insert into organization_members (organization_id, user_id, role) values ($1, $2, 'owner')`,
      [rows[0]?.organization_id, who.user.id],
    );
    expect(await flow.refusal(codes)).toBe('400 access_denied auth/access-denied');
    expect(await flow.sessionsOf(who)).toHaveLength(1);
  });

  it('when the approving session has been ended before it asks', async () => {
    const who = await signIn(server);
    const codes = await flow.begin();
    await flow.answer(codes, true, who).expect(200);
    await server.request.post('/api/v1/auth/logout').set(bearer(who)).send({ everywhere: true }).expect(204);
    expect(await flow.refusal(codes)).toBe('400 access_denied auth/access-denied');
  });
});

describe('the code that a device shows', () => {
  it('tells what is asked, however it is typed, and changes nothing', async () => {
    const codes = await flow.begin({ client_name: 'miyabi' });
    for (const user_code of [codes.user_code, ` ${codes.user_code.toLowerCase().replace('-', ' ')} `])
      expect((await flow.lookUp({ ...codes, user_code }).expect(200)).body).toMatchObject({
        client_name: 'miyabi',
        status: 'pending',
      });
    expect(await flow.refusal(codes)).toBe(PENDING);
  });

  it("is answered by the first who does, and is nobody else's from then on", async () => {
    const [codes, other] = [await flow.begin(), await signIn(server)];
    const answers = await Promise.all([flow.answer(codes, true), flow.answer(codes, false, other)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
    const [first, second] = answers[0]?.status === 200 ? [flow.person, other] : [other, flow.person];
    expect(await codeOf(flow.answer(codes, true, first))).toBe('409 auth/device-already-answered');
    expect(await codeOf(flow.answer(codes, true, second))).toBe('404 auth/unknown-user-code');
    expect((await flow.lookUp(codes, first)).status).toBe(200);
    expect(await codeOf(flow.lookUp(codes, second))).toBe('404 auth/unknown-user-code');
  });

  it.each([WRONG, 'AEIO-UAEI', 'x', '1'.repeat(32)])('is none: %s', async (user_code) => {
    const codes = { ...(await flow.begin()), user_code };
    expect(await codeOf(flow.lookUp(codes))).toBe('404 auth/unknown-user-code');
    expect(await codeOf(flow.answer(codes))).toBe('404 auth/unknown-user-code');
  });

  it('may only be answered by people who are signed in', async () => {
    const { user_code } = await flow.begin();
    for (const path of ['approve', 'lookup']) {
      const post = () => server.request.post(`/api/v1/auth/device/${path}`).send({ user_code });
      expect(await codeOf(post())).toBe('401 auth/no-token');
      expect(await codeOf(post().set('Authorization', `Bearer ${(await flow.begin()).device_code}`))).toBe(
        '401 auth/invalid-token',
      );
    }
  });

  it('cannot be guessed: ten wrong ones in 15 minutes are one too many, and right ones do not count', async () => {
    const strict = await startTestApp({ WRONG_CODE_LIMIT_PER_ACCOUNT: '10' }, server);
    try {
      const [who, other] = [await signIn(strict), await signIn(strict)];
      const [codes, more] = [await flow.begin(), await flow.begin()];
      const guess = (path: string, user_code: string, by = who) =>
        strict.request.post(`/api/v1/auth/device/${path}`).set(bearer(by)).send({ user_code });
      for (let round = 0; round < 12; round++) await guess('lookup', codes.user_code).expect(200);
      const paths = ['lookup', 'approve', 'lookup', 'approve', 'lookup', 'approve', 'lookup', 'approve', 'lookup'];
      for (const path of paths) await guess(path, WRONG).expect(404);
      await guess('approve', codes.user_code).expect(200);
      await guess('lookup', WRONG).expect(404);
      const refused = await guess('approve', more.user_code);
      expect([refused.status, refused.body.code]).toEqual([429, 'auth/too-many-attempts']);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(880);
      await guess('lookup', more.user_code, other).expect(200);
      const many = await Promise.all(Array.from({ length: 30 }, () => guess('lookup', WRONG, other)));
      expect(many.filter(({ status }) => status === 404)).toHaveLength(10);
    } finally {
      await strict.close();
    }
  });
});
