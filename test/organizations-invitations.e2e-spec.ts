import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { OrganizationsService } from '../src/organizations/organizations.service.js';
import { auditOf, comparable, Somebody, staffed, type Staff } from './organizations-people.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

interface Invitation {
  id: string;
  organization: { id: string; name: string };
  login: string;
  role: string;
  status: string;
  invited_by: string | null;
  created_at: string;
  expires_at: string;
}

let server: TestApp;
let staff: Staff;
let count = 0;

beforeAll(async () => {
  server = await startTestApp();
  staff = await staffed(server);
});
afterAll(() => server.close());

const newLogin = () => `guest-${String((count += 1))}`;
const ask = (who: Somebody, login: string, role = 'member', id = staff.id) =>
  who.post(`/organizations/${id}/members`, { login, role });
const invite = async (login: string, role = 'member', by = staff.owner, id = staff.id): Promise<Invitation> =>
  (await ask(by, login, role, id).expect(201)).body as Invitation;
const waitingFor = async (who: Somebody): Promise<Invitation[]> =>
  ((await who.get('/invitations').expect(200)).body as { items: Invitation[] }).items;
const listed = async (query = ''): Promise<Invitation[]> =>
  (
    (await staff.admin.get(`/organizations/${staff.id}/invitations?limit=100${query}`).expect(200)).body as {
      items: Invitation[];
    }
  ).items;
const expire = (id: string) => server.sql.query('update invitations set expires_at = now() where id = $1', [id]);
const awaits = (login: string) => server.app.get(OrganizationsService).hasInvitation(login);

describe('an invitation', () => {
  it('tells whom, into what, as what, by whom, and until when', async () => {
    const login = newLogin();
    const invitation = await invite(login, 'admin', staff.admin);
    expect(invitation).toEqual({
      id: expect.any(String),
      organization: { id: staff.id, name: 'Analytical Engines' },
      login,
      role: 'admin',
      status: 'pending',
      invited_by: staff.admin.login,
      created_at: expect.stringMatching(/Z$/),
      expires_at: expect.stringMatching(/Z$/),
    });
    const days = (Date.parse(invitation.expires_at) - Date.parse(invitation.created_at)) / 86_400_000;
    expect(days).toBe(7);
    expect((await auditOf(server, staff.id)).slice(-1)).toEqual([
      {
        organization_id: staff.id,
        actor: staff.admin.login,
        action: 'invitation.created',
        subject: { invitation_id: invitation.id },
        data: { login, role: 'admin' },
        traced: true,
      },
    ]);
  });

  it('waits for whoever has the login when they sign in, in whatever case it was written', async () => {
    const login = newLogin();
    expect(await awaits(login)).toBe(false);
    const invitation = await invite(login.toUpperCase(), 'viewer');
    expect([await awaits(login), await awaits(`${login}0`)]).toEqual([true, false]);
    const guest = await Somebody.signIn(server, login);
    expect(await waitingFor(guest)).toEqual([invitation]);
    const answer = await guest.post(`/invitations/${invitation.id}/accept`).expect(200);
    expect(answer.body).toEqual({
      organization: { id: staff.id, name: 'Analytical Engines' },
      user: { id: guest.id, login, name: null, avatar_url: null },
      role: 'viewer',
      joined_at: expect.stringMatching(/Z$/),
    });
    expect([await waitingFor(guest), await awaits(login)]).toEqual([[], false]);
    expect((await guest.here()).id).not.toBe(staff.id);
    await guest.get(`/organizations/${staff.id}`).expect(200);
    await guest.actIn(staff.id);
    expect((await guest.here()).role).toBe('viewer');
    expect((await auditOf(server, staff.id)).slice(-1)).toEqual([
      expect.objectContaining({
        actor: login,
        action: 'invitation.accepted',
        subject: { invitation_id: invitation.id, user_id: guest.id },
        data: { login: login.toUpperCase(), role: 'viewer' },
      }),
    ]);
  });

  it('may be declined, and made anew', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const { id } = await invite(guest.login);
    await guest.post(`/invitations/${id}/decline`).expect(204);
    expect(await waitingFor(guest)).toEqual([]);
    expect((await auditOf(server, staff.id)).slice(-1)).toEqual([
      expect.objectContaining({ actor: guest.login, action: 'invitation.declined', subject: { invitation_id: id } }),
    ]);
    await invite(guest.login);
  });

  it('may be revoked while it waits', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const { id } = await invite(guest.login);
    await staff.admin.delete(`/organizations/${staff.id}/invitations/${id}`).expect(204);
    expect(await waitingFor(guest)).toEqual([]);
    expect(await awaits(guest.login)).toBe(false);
    expect(await codeOf(guest.post(`/invitations/${id}/accept`))).toBe('409 invitation/closed');
    expect((await auditOf(server, staff.id)).slice(-1)).toEqual([
      expect.objectContaining({ actor: staff.admin.login, action: 'invitation.revoked' }),
    ]);
  });

  it('is closed once it is answered or has expired', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const closed = async (id: string, status: string) => {
      for (const answer of [
        guest.post(`/invitations/${id}/accept`),
        guest.post(`/invitations/${id}/decline`),
        staff.owner.delete(`/organizations/${staff.id}/invitations/${id}`),
      ])
        expect((await answer.expect(409)).body).toMatchObject({ code: 'invitation/closed', invitation_status: status });
    };
    const first = await invite(guest.login);
    await guest.post(`/invitations/${first.id}/decline`).expect(204);
    await closed(first.id, 'declined');
    const second = await invite(guest.login);
    await expire(second.id);
    expect([await waitingFor(guest), await awaits(guest.login)]).toEqual([[], false]);
    await closed(second.id, 'expired');
    const third = await invite(guest.login);
    await guest.post(`/invitations/${third.id}/accept`).expect(200);
    await closed(third.id, 'accepted');
  });

  it('is not sent to members, nor twice, but replaces one that has expired', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const first = await invite(guest.login);
    expect((await ask(staff.admin, guest.login.toUpperCase()).expect(409)).body).toMatchObject({
      code: 'invitation/exists',
      invitation_id: first.id,
    });
    await expire(first.id);
    const second = await invite(guest.login, 'viewer');
    expect(await waitingFor(guest)).toEqual([second]);
    expect((await listed()).map(({ id }) => id)).not.toContain(first.id);
    await guest.post(`/invitations/${second.id}/accept`).expect(200);
    for (const login of [guest.login, guest.login.toUpperCase(), staff.owner.login])
      expect(await codeOf(ask(staff.admin, login))).toBe('409 member/exists');
  });

  it('to be an owner comes from owners alone, who alone take it back', async () => {
    const login = newLogin();
    expect(await codeOf(ask(staff.admin, login, 'owner'))).toBe('403 organization/owners-only');
    const { id } = await invite(login, 'owner');
    const address = `/organizations/${staff.id}/invitations/${id}`;
    expect(await codeOf(staff.admin.delete(address))).toBe('403 organization/owners-only');
    await staff.owner.delete(address).expect(204);
  });

  it('is the business of managers', async () => {
    const { id } = await invite(newLogin());
    for (const who of [staff.member, staff.viewer])
      for (const answer of [
        ask(who, newLogin()),
        who.get(`/organizations/${staff.id}/invitations`),
        who.delete(`/organizations/${staff.id}/invitations/${id}`),
      ])
        expect(await codeOf(answer)).toBe('403 auth/forbidden');
  });

  it('for somebody else is not there, exactly like one that is not', async () => {
    const { id } = await invite(newLogin());
    const other = await Somebody.signIn(server);
    const owner = await Somebody.signIn(server);
    const elsewhere = await owner.found();
    const asks = (invitation: string) => [
      other.post(`/invitations/${invitation}/accept`),
      other.post(`/invitations/${invitation}/decline`),
      owner.delete(`/organizations/${elsewhere}/invitations/${invitation}`),
    ];
    const foreign = await Promise.all(asks(id));
    const absent = await Promise.all(asks(newId()));
    expect(foreign.map(comparable)).toEqual(absent.map(comparable));
    for (const { status, body } of foreign)
      expect({ status, ...body }).toMatchObject({ status: 404, code: 'invitation/not-found' });
    expect(await waitingFor(other)).toEqual([]);
  });

  it('follows the login: who had it before cannot accept, who has it now can', async () => {
    const login = newLogin();
    const before = await Somebody.signIn(server, login);
    const { id } = await invite(login);
    // GitHub has given the name to somebody else, and the first one has not signed in since.
    const now = await Somebody.signIn(server, login);
    expect([await waitingFor(before), (await waitingFor(now)).length]).toEqual([[], 1]);
    expect(await codeOf(before.post(`/invitations/${id}/accept`))).toBe('404 invitation/not-found');
    await now.post(`/invitations/${id}/accept`).expect(200);
    // The other way round: a new name leads to what waits for it.
    const later = await invite(newLogin());
    await Somebody.signIn(server, later.login, before.github_id);
    expect(await waitingFor(before)).toEqual([later]);
    expect(await codeOf(ask(staff.owner, before.login))).toBe('409 member/exists');
  });

  it('cannot make a member of who is one already', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const { id } = await invite(guest.login, 'owner');
    await server.sql.query(
      `insert into organization_members (organization_id, user_id, role) values ($1, $2, 'viewer')`,
      [staff.id, guest.id],
    );
    expect(await codeOf(guest.post(`/invitations/${id}/accept`))).toBe('409 member/exists');
    await guest.actIn(staff.id);
    expect((await guest.here()).role).toBe('viewer');
  });

  it.each(['a', 'Ada-Lovelace', '7', 'a'.repeat(39), 'a-b-c-1'])('may be for the login %s', async (login) => {
    const { owner, id } = await staffed(server);
    expect((await invite(login, 'viewer', owner, id)).login).toBe(login);
  });

  it.each([undefined, null, '', '-a', 'a-', 'a--b', 'a b', 'a_b', 'ä', 'a'.repeat(40), ' a', 'a\n', '@a', 7, {}])(
    'is never for the login %j',
    async (login) => {
      const { body } = await staff.owner
        .post(`/organizations/${staff.id}/members`, { login, role: 'member' })
        .expect(400);
      expect(body).toMatchObject({ code: 'request/invalid', errors: [{ field: 'login' }] });
    },
  );

  it.each([undefined, null, '', 'boss', 'OWNER', ['member']])('is never as %j', async (role) => {
    const { body } = await staff.owner.post(`/organizations/${staff.id}/members`, { login: 'a', role }).expect(400);
    expect(body).toMatchObject({ code: 'request/invalid', errors: [{ field: 'role' }] });
  });
});

describe('invitations', () => {
  it('are listed with what became of them, by state when asked, and page by page', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const [waits, expires, goes] = [await invite(newLogin()), await invite(newLogin()), await invite(guest.login)];
    await expire(expires.id);
    await guest.post(`/invitations/${goes.id}/decline`).expect(204);
    const three = [waits.id, expires.id, goes.id];
    const found = (await listed()).filter(({ id }) => three.includes(id)).map(({ status }) => status);
    expect(found).toEqual(['declined', 'expired', 'pending']);
    expect((await listed('&status=pending')).map(({ id }) => id)).toContain(waits.id);
    const some = await listed('&status=expired&status=declined');
    expect(new Set(some.map(({ status }) => status))).toEqual(new Set(['expired', 'declined']));
    const all = await listed();
    const path = `/organizations/${staff.id}/invitations?limit=2`;
    const { body: first } = await staff.owner.get(path).expect(200);
    const { body: second } = await staff.owner.get(`${path}&cursor=${String(first.next_cursor)}`).expect(200);
    expect([...first.items, ...second.items]).toEqual(all.slice(0, 4));
    expect(await codeOf(staff.owner.get(`${path}&status=gone`))).toBe('400 request/invalid');
  });

  it('of several organizations wait for a person in pages of their own', async () => {
    const guest = await Somebody.signIn(server, newLogin());
    const ids: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { owner, id } = round === 0 ? staff : await staffed(server);
      ids.unshift((await invite(guest.login, 'viewer', owner, id)).id);
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor && `&cursor=${cursor}`;
      const { body } = await guest.get(`/invitations?limit=1${query}`).expect(200);
      const page = body as { items: Invitation[]; next_cursor: string | null };
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(ids);
  });
});
