import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { MissingPermission } from '../auth/auth.errors.js';
import type { Role } from '../auth/permissions.js';
import type { Principal, UserPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { MemberNotFound, TransferToSelf } from './members.errors.js';
import { MembersStore, type MemberRow } from './members.store.js';
import { assertKeepsAnOwner, assertMayChangeRole, assertMayRemove, assertMayTransfer } from './organization.policy.js';
import { PersonalOrganization } from './organizations.errors.js';
import { OrganizationsService } from './organizations.service.js';

export type { MemberRow };

/**
 * Who belongs to an organization, and as what. Every change locks the organization first, so that of several at once
 * each sees what the one before it has left: no two owners can leave because the other one stays.
 */
@Injectable()
export class MembersService {
  constructor(
    private readonly store: MembersStore,
    private readonly organizations: OrganizationsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /** Newest first. Throws OrganizationNotFound, SwitchFirst, or InvalidInput for a broken cursor. */
  async list<T>(
    principal: Principal,
    organization_id: string,
    query: PageQuery,
    present: (row: MemberRow) => T,
  ): Promise<Page<T>> {
    await this.organizations.assertActsIn(principal, organization_id);
    const rows = await this.store.list(organization_id, readCursor(query.cursor), query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Acts on the member's next request. Throws MemberNotFound, OnlyOwners or LastOwner. */
  async changeRole(principal: Principal, organization_id: string, user_id: string, role: Role): Promise<MemberRow> {
    return this.database.transaction(async () => {
      const actor = await this.organizations.lock(principal, organization_id);
      const member = await this.find(organization_id, user_id);
      assertMayChangeRole(actor.role, member.role, role);
      if (member.role === role) return member;
      assertKeepsAnOwner(await this.store.countOwners(organization_id), member.role, role);
      await this.store.setRole(organization_id, user_id, role);
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: 'member.role_changed',
        subject: { user_id },
        data: { login: member.login, before: member.role, after: role },
      });
      return { ...member, role };
    });
  }

  /** Removes somebody else, or leaves. Acts on the next request. Throws MemberNotFound, OnlyOwners or LastOwner. */
  async remove(principal: Principal, organization_id: string, user_id: string): Promise<void> {
    const leaves = principal.kind === 'user' && principal.id === user_id;
    await this.database.transaction(async () => {
      const actor = await this.organizations.lock(principal, organization_id);
      const member = await this.find(organization_id, user_id);
      if (!leaves && !principal.permissions.has('members.manage')) throw new MissingPermission('members.manage');
      if (!leaves) assertMayRemove(actor.role, member.role);
      assertKeepsAnOwner(await this.store.countOwners(organization_id), member.role, null);
      await this.store.remove(organization_id, user_id);
      await this.organizations.announceEnded({ organization_id, user_id });
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: leaves ? 'member.left' : 'member.removed',
        subject: { user_id },
        data: { login: member.login, before: member.role, after: null },
      });
    });
  }

  /**
   * Makes another member an owner and the caller an admin. Throws OnlyOwners, PersonalOrganization, TransferToSelf or
   * MemberNotFound.
   */
  async transfer(person: UserPrincipal, organization_id: string, user_id: string): Promise<MemberRow> {
    return this.database.transaction(async () => {
      const { organization, role } = await this.organizations.lock(person, organization_id);
      assertMayTransfer(role);
      if (organization.personal_for !== null) throw new PersonalOrganization('be transferred');
      if (user_id === person.id) throw new TransferToSelf();
      const member = await this.find(organization_id, user_id);
      await this.store.setRole(organization_id, user_id, 'owner');
      await this.store.setRole(organization_id, person.id, 'admin');
      await this.audit.record({
        organization_id,
        actor: person.actor,
        action: 'organization.ownership_transferred',
        subject: { organization_id, user_id },
        data: {
          new_owner: { login: member.login, before: member.role, after: 'owner' },
          previous_owner: { login: person.login, before: role, after: 'admin' },
        },
      });
      return { ...member, role: 'owner' };
    });
  }

  private async find(organization_id: string, user_id: string): Promise<MemberRow> {
    const member = await this.store.find(organization_id, user_id);
    if (member === null) throw new MemberNotFound();
    return member;
  }
}
