import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { AuditAction } from '../audit/audit-actions.js';
import type { Role } from '../auth/permissions.js';
import type { Principal, UserPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { newId } from '../ids.js';
import type { InvitationStatus } from './invitation.entity.js';
import { InvitationClosed, InvitationExists, InvitationNotFound } from './invitations.errors.js';
import { InvitationsStore, type InvitationRow } from './invitations.store.js';
import { MemberExists } from './members.errors.js';
import { MembersStore, type MemberRow } from './members.store.js';
import { assertMayInvite } from './organization.policy.js';
import { PersonalOrganization } from './organizations.errors.js';
import { OrganizationsService } from './organizations.service.js';

export type { InvitationRow };

/**
 * Invitations into an organization, by GitHub login. Every change locks the organization first: an acceptance and a
 * revocation at once end one way.
 */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly store: InvitationsStore,
    private readonly members: MembersStore,
    private readonly organizations: OrganizationsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /** Throws OnlyOwners, PersonalOrganization, MemberExists or InvitationExists. */
  async invite(
    principal: Principal,
    organization_id: string,
    { login, role }: { login: string; role: Role },
  ): Promise<InvitationRow> {
    return this.database.transaction(async () => {
      const actor = await this.organizations.lock(principal, organization_id);
      assertMayInvite(actor.role, role);
      if (actor.organization.personal_for !== null) throw new PersonalOrganization('have other members');
      if (await this.members.hasLogin(organization_id, login)) throw new MemberExists();
      const earlier = await this.store.findPending(organization_id, login);
      if (earlier?.status === 'pending') throw new InvitationExists(earlier.id);
      if (earlier !== null) await this.store.remove(earlier.id);
      const invited_by = principal.kind === 'user' ? principal.id : null;
      const invitation = await this.store.insert({ id: newId(), organization_id, login, role, invited_by });
      await this.record('invitation.created', invitation, principal);
      return invitation;
    });
  }

  /** Newest first. Throws OrganizationNotFound, SwitchFirst, or InvalidInput for a broken cursor. */
  async list<T>(
    principal: Principal,
    organization_id: string,
    query: PageQuery & { status?: InvitationStatus[] },
    present: (row: InvitationRow) => T,
  ): Promise<Page<T>> {
    await this.organizations.assertActsIn(principal, organization_id);
    const after = readCursor(query.cursor);
    const rows = await this.store.list(organization_id, query.status ?? null, after, query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Takes it back. Throws InvitationNotFound, InvitationClosed or OnlyOwners. */
  async revoke(principal: Principal, organization_id: string, id: string): Promise<void> {
    await this.database.transaction(async () => {
      const actor = await this.organizations.lock(principal, organization_id);
      const invitation = waiting(await this.store.find(organization_id, id));
      assertMayInvite(actor.role, invitation.role);
      await this.store.answer(id, 'revoked');
      await this.record('invitation.revoked', invitation, principal);
    });
  }

  /** Those that wait for the person, newest first. Throws InvalidInput for a broken cursor. */
  async listOwn<T>(person: UserPrincipal, query: PageQuery, present: (row: InvitationRow) => T): Promise<Page<T>> {
    const rows = await this.store.listForPerson(person.id, readCursor(query.cursor), query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Makes the person a member. Throws InvitationNotFound, InvitationClosed or MemberExists. */
  async accept(person: UserPrincipal, id: string): Promise<{ invitation: InvitationRow; member: MemberRow }> {
    return this.database.transaction(async () => {
      const invitation = await this.lockOwn(person, id);
      const { organization_id, role } = invitation;
      if (!(await this.members.insert(organization_id, person.id, role))) throw new MemberExists();
      await this.store.answer(id, 'accepted');
      await this.record('invitation.accepted', invitation, person);
      const member = await this.members.find(organization_id, person.id);
      if (member === null) throw new Error('a member was not inserted');
      return { invitation, member };
    });
  }

  /** Throws InvitationNotFound or InvitationClosed. */
  async decline(person: UserPrincipal, id: string): Promise<void> {
    await this.database.transaction(async () => {
      const invitation = await this.lockOwn(person, id);
      await this.store.answer(id, 'declined');
      await this.record('invitation.declined', invitation, person);
    });
  }

  /** An invitation for the person that waits, its organization locked. */
  private async lockOwn(person: UserPrincipal, id: string): Promise<InvitationRow> {
    const found = await this.store.findForPerson(person.id, id);
    if (found === null) throw new InvitationNotFound();
    await this.organizations.lockAny(found.organization_id);
    // Read again: it may have been answered or revoked, or have gone with its organization, before the lock was had.
    return waiting(await this.store.findForPerson(person.id, id));
  }

  private async record(
    action: Extract<AuditAction, `invitation.${string}`>,
    { id, organization_id, login, role }: InvitationRow,
    principal: Principal,
  ): Promise<void> {
    const subject = {
      invitation_id: id,
      ...(action === 'invitation.accepted' && { user_id: principal.id }),
    };
    await this.audit.record({ organization_id, actor: principal.actor, action, subject, data: { login, role } });
  }
}

/** The invitation, if it can still be answered. Throws InvitationNotFound or InvitationClosed. */
function waiting(invitation: InvitationRow | null): InvitationRow {
  if (invitation === null) throw new InvitationNotFound();
  if (invitation.status !== 'pending') throw new InvitationClosed(invitation.status);
  return invitation;
}
