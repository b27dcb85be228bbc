import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { auditOf, comparable, keyFor, Somebody, staffed, type Staff } from './organizations-people.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const JWT_SECRET = Buffer.alloc(32, 7).toString('base64');

let server: TestApp;
let second: TestApp;
let staff: Staff;

beforeAll(async () => {
  server = await startTestApp({ JWT_SECRET });
  second = await startTestApp({ JWT_SECRET }, server);
  staff = await staffed(server);
});
afterAll(async () => {
  await second.close();
  await server.close();
});

const stranger = () => Somebody.signIn(server);

describe('members', () => {
  it('are listed for all of them, newest first and page by page', async () => {
    const { id, owner, admin, member, viewer } = staff;
    const shown = ({ id: user, login }: Somebody, role: string) => ({
      user: { id: user, login, name: null, avatar_url: null },
      role,
      joined_at: expect.stringMatching(/Z$/),
    });
    const all = [shown(viewer, 'viewer'), shown(member, 'member'), shown(admin, 'admin'), shown(owner, 'owner')];
    for (const who of [owner, viewer])
      expect((await who.get(`/organizations/${id}/members`).expect(200)).body).toEqual({
        items: all,
        next_cursor: null,
      });
    const seen: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor && `&cursor=${cursor}`;
      const { body } = await viewer.get(`/organizations/${id}/members?limit=1${query}`).expect(200);
      const page = body as { items: unknown[]; next_cursor: string | null };
      seen.push(...page.items);
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(all);
    for (const query of ['limit=0', 'limit=101', 'cursor=broken', 'role=owner'])
      expect(await codeOf(viewer.get(`/organizations/${id}/members?${query}`))).toBe('400 request/invalid');
  });

  it('get another role with their next request, in every process', async () => {
    const { id, admin, member } = await staffed(server);
    const there = member.at(second);
    await there.post('/tasks', { name: 'x', agent_type: 'note' }).expect(201);
    const { body } = await admin.patch(`/organizations/${id}/members/${member.id}`, { role: 'viewer' }).expect(200);
    expect(body).toMatchObject({ user: { id: member.id }, role: 'viewer' });
    expect(await codeOf(there.post('/tasks', { name: 'x', agent_type: 'note' }))).toBe('403 auth/forbidden');
    expect(await there.here()).toEqual({ id, role: 'viewer' });
    await admin.patch(`/organizations/${id}/members/${member.id}`, { role: 'viewer' }).expect(200);
    await admin.patch(`/organizations/${id}/members/${member.id}`, { role: 'admin' }).expect(200);
    await there.patch(`/organizations/${id}`, { name: 'By the new admin' }).expect(200);
    const changes = (await auditOf(server, id)).filter(({ action }) => action === 'member.role_changed');
    expect(changes.map(({ actor, subject, data }) => ({ actor, subject, data }))).toEqual([
      {
        actor: admin.login,
        subject: { user_id: member.id },
        data: { login: member.login, before: 'member', after: 'viewer' },
      },
      {
        actor: admin.login,
        subject: { user_id: member.id },
        data: { login: member.login, before: 'viewer', after: 'admin' },
      },
    ]);
  });

  it('who are removed are out with their next request, in every process, and go on at home', async () => {
    const { id, admin, member, viewer } = await staffed(server);
    const elsewhere = await Somebody.signIn(server, member.login, member.github_id);
    const home = await elsewhere.here();
    await admin.delete(`/organizations/${id}/members/${member.id}`).expect(204);
    expect(await codeOf(member.at(second).get('/auth/me'))).toBe('401 auth/invalid-token');
    await member.refresh();
    expect(await member.here()).toEqual(home);
    expect(await elsewhere.here()).toEqual(home);
    expect(await codeOf(member.get(`/organizations/${id}`))).toBe('404 organization/not-found');
    expect(await viewer.here()).toEqual({ id, role: 'viewer' });
    expect((await auditOf(server, id)).slice(-1)).toEqual([
      expect.objectContaining({
        actor: admin.login,
        action: 'member.removed',
        subject: { user_id: member.id },
        data: { login: member.login, before: 'member', after: null },
      }),
    ]);
  });

  it('may leave, whatever their role, but remove others as managers only', async () => {
    const { id, owner, admin, member, viewer } = await staffed(server);
    for (const who of [member, viewer])
      for (const other of [owner, admin])
        expect(await codeOf(who.delete(`/organizations/${id}/members/${other.id}`))).toBe('403 auth/forbidden');
    for (const who of [viewer, member, admin]) {
      await who.delete(`/organizations/${id}/members/${who.id}`).expect(204);
      expect(await codeOf(who.get('/auth/me'))).toBe('401 auth/invalid-token');
      await who.refresh();
      expect((await who.here()).role).toBe('owner');
    }
    const left = (await auditOf(server, id)).slice(-3);
    expect(left.map(({ action, actor }) => [action, actor])).toEqual(
      [viewer, member, admin].map(({ login }) => ['member.left', login]),
    );
  });

  it('who are owners are touched by owners only', async () => {
    const { id, owner, admin, member } = await staffed(server);
    const at = (who: Somebody) => `/organizations/${id}/members/${who.id}`;
    expect(await codeOf(admin.patch(at(owner), { role: 'viewer' }))).toBe('403 organization/owners-only');
    expect(await codeOf(admin.delete(at(owner)))).toBe('403 organization/owners-only');
    expect(await codeOf(admin.patch(at(admin), { role: 'owner' }))).toBe('403 organization/owners-only');
    expect(await codeOf(admin.patch(at(member), { role: 'owner' }))).toBe('403 organization/owners-only');
    await owner.patch(at(admin), { role: 'owner' }).expect(200);
    await admin.patch(at(owner), { role: 'member' }).expect(200);
    await admin.delete(at(owner)).expect(204);
  });

  it('keep their last owner, who cannot leave, be demoted, or take a lower role', async () => {
    const { id, owner } = await staffed(server);
    const self = `/organizations/${id}/members/${owner.id}`;
    expect(await codeOf(owner.delete(self))).toBe('409 organization/last-owner');
    for (const role of ['admin', 'member', 'viewer'])
      expect(await codeOf(owner.patch(self, { role }))).toBe('409 organization/last-owner');
    await owner.patch(self, { role: 'owner' }).expect(200);
    expect(await owner.here()).toEqual({ id, role: 'owner' });
  });

  it('of a personal organization are one, who cannot leave', async () => {
    const ada = await stranger();
    const { id } = await ada.here();
    expect(await codeOf(ada.delete(`/organizations/${id}/members/${ada.id}`))).toBe('409 organization/last-owner');
    expect(await codeOf(ada.post(`/organizations/${id}/members`, { login: 'grace', role: 'viewer' }))).toBe(
      '409 organization/personal',
    );
    expect(await codeOf(ada.post(`/organizations/${id}/transfer`, { user_id: newId() }))).toBe(
      '409 organization/personal',
    );
  });

  it('of nobody are not there, exactly like people of elsewhere', async () => {
    const { id, owner } = staff;
    const other = await stranger();
    const asks = (user_id: string) => [
      owner.patch(`/organizations/${id}/members/${user_id}`, { role: 'viewer' }),
      owner.delete(`/organizations/${id}/members/${user_id}`),
      owner.post(`/organizations/${id}/transfer`, { user_id }),
    ];
    const foreign = await Promise.all(asks(other.id));
    const absent = await Promise.all(asks(newId()));
    expect(foreign.map(comparable)).toEqual(absent.map(comparable));
    for (const { status, body } of foreign)
      expect({ status, ...body }).toMatchObject({ status: 404, code: 'member/not-found' });
  });

  it.each([
    {},
    { role: null },
    { role: 'Owner' },
    { role: 'king' },
    { role: ['admin'] },
    { role: 'viewer', login: 'x' },
  ])('do not become %j', async (body) => {
    const { id, owner, member } = staff;
    expect(await codeOf(owner.patch(`/organizations/${id}/members/${member.id}`, body))).toBe('400 request/invalid');
  });

  it('are managed by keys with the permission as by an admin', async () => {
    const { id, owner, member, viewer } = await staffed(server);
    const key = { Authorization: `Bearer ${await keyFor(server, id)}` };
    const at = (who: Somebody) => `/api/v1/organizations/${id}/members/${who.id}`;
    await server.request.patch(at(member)).set(key).send({ role: 'viewer' }).expect(200);
    await server.request.delete(at(viewer)).set(key).expect(204);
    expect(await codeOf(server.request.patch(at(member)).set(key).send({ role: 'owner' }))).toBe(
      '403 organization/owners-only',
    );
    expect(await codeOf(server.request.delete(at(owner)).set(key))).toBe('403 organization/owners-only');
    const invited = await server.request
      .post(`/api/v1/organizations/${id}/members`)
      .set(key)
      .send({ login: 'by-a-key', role: 'viewer' })
      .expect(201);
    expect(invited.body).toMatchObject({ login: 'by-a-key', invited_by: null });
    for (const answer of [
      server.request.delete(`/api/v1/organizations/${id}`).set(key),
      server.request.post(`/api/v1/organizations/${id}/transfer`).set(key).send({ user_id: member.id }),
      server.request.get('/api/v1/invitations').set(key),
    ])
      expect(await codeOf(answer)).toBe('403 auth/forbidden');
    expect(await codeOf(server.request.patch(`/api/v1/organizations/${staff.id}`).set(key).send({ name: 'x' }))).toBe(
      '404 organization/not-found',
    );
  });
});

describe('a transfer', () => {
  it('makes the member an owner and the owner an admin, in one step', async () => {
    const { id, owner, admin, viewer } = await staffed(server);
    const to = (who: Somebody) => ({ user_id: who.id });
    expect(await codeOf(admin.post(`/organizations/${id}/transfer`, to(admin)))).toBe('403 organization/owners-only');
    expect(await codeOf(viewer.post(`/organizations/${id}/transfer`, to(viewer)))).toBe('403 auth/forbidden');
    const self = await owner.post(`/organizations/${id}/transfer`, to(owner)).expect(400);
    expect(self.body).toMatchObject({ code: 'request/invalid', errors: [{ field: 'user_id' }] });
    expect((await owner.post(`/organizations/${id}/transfer`, to(viewer)).expect(200)).body).toMatchObject({
      user: { id: viewer.id },
      role: 'owner',
    });
    expect([(await owner.here()).role, (await viewer.here()).role]).toEqual(['admin', 'owner']);
    expect((await auditOf(server, id)).slice(-1)).toEqual([
      expect.objectContaining({
        actor: owner.login,
        action: 'organization.ownership_transferred',
        subject: { organization_id: id, user_id: viewer.id },
        data: {
          new_owner: { login: viewer.login, before: 'viewer', after: 'owner' },
          previous_owner: { login: owner.login, before: 'owner', after: 'admin' },
        },
      }),
    ]);
    for (const user_id of [undefined, null, 'x', 7])
      expect(await codeOf(viewer.post(`/organizations/${id}/transfer`, { user_id }))).toBe('400 request/invalid');
  });
});
