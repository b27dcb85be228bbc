import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { OrganizationsService, type NewOrganization } from '../src/organizations/organizations.service.js';
import { auditOf, comparable, keyFor, Somebody, staffed, type Staff } from './organizations-people.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let staff: Staff;

beforeAll(async () => {
  server = await startTestApp();
  staff = await staffed(server);
});
afterAll(() => server.close());

const stranger = () => Somebody.signIn(server);

describe('making an organization', () => {
  it('makes the person its owner, tells where it is, and leaves the token where it was', async () => {
    const ada = await stranger();
    const before = await ada.here();
    const answer = await ada.post('/organizations', { name: '  Analytical Engines ' }).expect(201);
    const { id } = answer.body as { id: string };
    expect(answer.body).toEqual({
      id,
      name: 'Analytical Engines',
      personal: false,
      created_at: expect.stringMatching(/Z$/),
    });
    expect(answer.headers['location']).toBe(`/api/v1/organizations/${id}`);
    expect((await ada.get(`/organizations/${id}`).expect(200)).body).toEqual(answer.body);
    expect(await ada.here()).toEqual(before);
    await ada.actIn(id);
    expect(await ada.here()).toEqual({ id, role: 'owner' });
    expect(await auditOf(server, id)).toEqual([
      {
        organization_id: id,
        actor: ada.login,
        action: 'organization.created',
        subject: { organization_id: id },
        data: { name: 'Analytical Engines' },
        traced: true,
      },
    ]);
  });

  it('is announced to those who furnish it', async () => {
    const seen: NewOrganization[] = [];
    server.app.get(OrganizationsService).onCreated((organization) => {
      seen.push(organization);
      return Promise.resolve();
    });
    const ada = await stranger();
    const { body } = await ada.post('/organizations', { name: 'x' }).expect(201);
    expect(seen.slice(-1)).toEqual([{ id: (body as { id: string }).id, created_by: ada.id }]);
  });

  it('is open to everybody who is signed in, whatever they are where their token acts, but not to keys', async () => {
    await staff.viewer.post('/organizations', { name: 'By a viewer' }).expect(201);
    const key = await keyFor(server, staff.id);
    const asked = server.request.post('/api/v1/organizations').set('Authorization', `Bearer ${key}`);
    expect(await codeOf(asked.send({ name: 'x' }))).toBe('403 auth/forbidden');
  });

  it.each([{}, { name: '' }, { name: ' ' }, { name: null }, { name: 7 }, { name: 'x'.repeat(101) }, { name: 'a\0b' }])(
    'refuses %j',
    async (body) => {
      expect((await staff.owner.post('/organizations', body).expect(400)).body).toMatchObject({
        code: 'request/invalid',
        errors: [{ field: 'name' }],
      });
    },
  );

  it('counts the length of a name in characters', async () => {
    await staff.owner.post('/organizations', { name: '😀'.repeat(100) }).expect(201);
  });
});

describe('renaming', () => {
  it('is for owners and admins, and leaves a trace with both names', async () => {
    const { id, owner, admin, member, viewer } = await staffed(server);
    for (const other of [member, viewer])
      expect(await codeOf(other.patch(`/organizations/${id}`, { name: 'x' }))).toBe('403 auth/forbidden');
    expect((await admin.patch(`/organizations/${id}`, { name: ' New ' }).expect(200)).body).toMatchObject({
      id,
      name: 'New',
    });
    expect((await owner.patch(`/organizations/${id}`, {}).expect(200)).body).toMatchObject({ name: 'New' });
    await owner.patch(`/organizations/${id}`, { name: 'New' }).expect(200);
    const renames = (await auditOf(server, id)).filter(({ action }) => action === 'organization.renamed');
    expect(renames).toEqual([
      expect.objectContaining({ actor: admin.login, data: { before: 'Analytical Engines', after: 'New' } }),
    ]);
    for (const name of [null, '', 'x'.repeat(101)])
      expect(await codeOf(owner.patch(`/organizations/${id}`, { name }))).toBe('400 request/invalid');
  });
});

describe('an organization', () => {
  /** Every route below one organization, with what it needs to be understood. */
  const routes = (id: string): [string, (who: Somebody) => PromiseLike<{ status: number; body: unknown }>][] => [
    ['rename', (who) => who.patch(`/organizations/${id}`, { name: 'x' })],
    ['delete', (who) => who.delete(`/organizations/${id}`)],
    ['members', (who) => who.get(`/organizations/${id}/members`)],
    ['invite', (who) => who.post(`/organizations/${id}/members`, { login: 'grace', role: 'member' })],
    ['invitations', (who) => who.get(`/organizations/${id}/invitations`)],
    ['revoke', (who) => who.delete(`/organizations/${id}/invitations/${newId()}`)],
    ['role', (who) => who.patch(`/organizations/${id}/members/${newId()}`, { role: 'viewer' })],
    ['remove', (who) => who.delete(`/organizations/${id}/members/${newId()}`)],
    ['transfer', (who) => who.post(`/organizations/${id}/transfer`, { user_id: newId() })],
  ];

  it('of others is not there, exactly like one that is not', async () => {
    const other = await stranger();
    const absent = routes(newId());
    for (const [at, [name, ask]] of routes(staff.id).entries()) {
      const foreign = comparable(await ask(other));
      expect([name, foreign]).toEqual([name, comparable(await absent[at]![1](other))]);
      expect([name, foreign]).toEqual([name, expect.objectContaining({ status: 404, code: 'organization/not-found' })]);
    }
  });

  it('of the caller in which the token does not act asks them to switch first, and changes nothing', async () => {
    const { id, owner } = await staffed(server);
    const elsewhere = await Somebody.signIn(server, owner.login, owner.github_id);
    for (const [name, ask] of routes(id)) {
      const answer = await ask(elsewhere);
      expect([name, answer.status, answer.body]).toEqual([
        name,
        403,
        expect.objectContaining({
          code: 'organization/switch-first',
          detail: expect.stringContaining('/auth/switch-organization'),
        }),
      ]);
    }
    expect((await elsewhere.get(`/organizations/${id}`).expect(200)).body).toMatchObject({
      id,
      name: 'Analytical Engines',
    });
  });

  it.each(['not-an-id', '%00', newId().slice(1)])('has no address %s', async (id) => {
    const { owner } = staff;
    for (const answer of [
      owner.patch(`/organizations/${id}`, { name: 'x' }),
      owner.delete(`/organizations/${id}`),
      owner.get(`/organizations/${id}/members`),
      owner.delete(`/organizations/${id}/members/${owner.id}`),
      owner.delete(`/organizations/${staff.id}/members/${id}`),
      owner.delete(`/organizations/${staff.id}/invitations/${id}`),
      owner.post(`/invitations/${id}/accept`),
    ])
      expect(await codeOf(answer)).toBe('400 request/invalid');
  });
});
