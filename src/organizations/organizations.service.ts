import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Role } from '../auth/permissions.js';
import type { Principal, UserPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { newId } from '../ids.js';
import { InvitationsStore } from './invitations.store.js';
import type { Organization } from './organization.entity.js';
import { assertMayDelete } from './organization.policy.js';
import { OrganizationNotFound, PersonalOrganization, SwitchFirst } from './organizations.errors.js';
import { OrganizationsStore, type OrganizationRow } from './organizations.store.js';

/** An organization that has just been made, and who made it. */
export interface NewOrganization {
  id: string;
  created_by: string;
}

/** That somebody does not belong to an organization any more. */
export interface EndedMembership {
  organization_id: string;
  user_id: string;
}

export type NewOrganizationListener = (organization: NewOrganization) => Promise<void>;
export type EndedMembershipListener = (ended: EndedMembership) => Promise<void>;
export type DeletedOrganizationListener = (organization_id: string) => Promise<void>;

/** Tenants. Not there and not the caller's own look alike. */
@Injectable()
export class OrganizationsService {
  private readonly logger = new Logger(OrganizationsService.name);
  private readonly created: NewOrganizationListener[] = [];
  private readonly ended: EndedMembershipListener[] = [];
  private readonly deleting: DeletedOrganizationListener[] = [];

  constructor(
    private readonly store: OrganizationsStore,
    private readonly invitations: InvitationsStore,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** For features that furnish a new organization; called after it has been committed, before its maker is answered. */
  onCreated(listener: NewOrganizationListener): void {
    this.created.push(listener);
  }

  /** For features that keep something of a member; called in the transaction that ends the membership. */
  onMembershipEnded(listener: EndedMembershipListener): void {
    this.ended.push(listener);
  }

  /**
   * For features that keep something of an organization; called in the transaction that deletes it, before its row
   * goes and in no order. Whatever a listener throws, such as OrganizationBusy, keeps the organization as it was.
   */
  onDeleting(listener: DeletedOrganizationListener): void {
    this.deleting.push(listener);
  }

  /** Tells the listeners. What fails there is logged only: the organization exists all the same. */
  async announceCreated(organization: NewOrganization): Promise<void> {
    for (const listener of this.created) {
      try {
        await listener(organization);
      } catch (error) {
        this.logger.error({ err: error, organization_id: organization.id }, 'a new organization was not furnished');
      }
    }
  }

  /** Tells the listeners, in the transaction under way. */
  async announceEnded(ended: EndedMembership): Promise<void> {
    for (const listener of this.ended) await listener(ended);
  }

  /** The person's own organization, made if there is none. To be called in the transaction that saves the person. */
  async ensurePersonal(user: { id: string; login: string }): Promise<{ organization: Organization; created: boolean }> {
    const own = await this.store.findPersonal(user.id);
    if (own !== null) return { organization: own, created: false };
    return { organization: await this.store.insert(newId(), user.login, user.id, true), created: true };
  }

  /** Whether somebody has invited the GitHub login and waits for the answer. */
  hasInvitation(login: string): Promise<boolean> {
    return this.invitations.existsFor(login);
  }

  /** Makes an organization with the person as its owner. */
  async create(person: UserPrincipal, name: string): Promise<Organization> {
    const before = this.idempotency.madeBefore;
    const made = before === null ? null : await this.store.find(before);
    if (made !== null) return made;
    const organization = await this.database.transaction(async () => {
      const row = await this.store.insert(newId(), name, person.id, false);
      await this.record('created', row, person, { name });
      await this.idempotency.making(row.id);
      return row;
    });
    await this.announceCreated({ id: organization.id, created_by: person.id });
    return organization;
  }

  /** Throws OrganizationNotFound. */
  async get(principal: Principal, id: string): Promise<Organization> {
    const organization = await this.findOwn(principal, id);
    if (organization === null) throw new OrganizationNotFound();
    return organization;
  }

  /** Those a person belongs to, or the one a key is for; newest first. Throws InvalidInput for a broken cursor. */
  async list<T>(principal: Principal, query: PageQuery, present: (row: Organization) => T): Promise<Page<T>> {
    const after = readCursor(query.cursor);
    if (principal.kind === 'user') {
      return toPage(await this.store.listOfMember(principal.id, after, query.limit + 1), query.limit, present);
    }
    const own = principal.organization_id === null ? null : await this.store.find(principal.organization_id);
    return toPage(own === null ? [] : [own], query.limit, present);
  }

  /** Throws OrganizationNotFound or SwitchFirst. */
  async rename(principal: Principal, id: string, name: string | undefined): Promise<Organization> {
    return this.database.transaction(async () => {
      const { organization } = await this.lock(principal, id);
      if (name === undefined || name === organization.name) return organization;
      const renamed = await this.store.rename(id, name);
      if (renamed === null) throw new OrganizationNotFound();
      await this.record('renamed', renamed, principal, { before: organization.name, after: name });
      return renamed;
    });
  }

  /**
   * Deletes it with everything that belongs to it. Throws OrganizationNotFound, SwitchFirst, OnlyOwners,
   * PersonalOrganization, or OrganizationBusy while anything of it runs.
   */
  async delete(person: UserPrincipal, id: string): Promise<void> {
    await this.assertActsIn(person, id);
    await this.database.transaction(async () => {
      const organization = await this.store.lockForDelete(id);
      if (organization === null) throw new OrganizationNotFound();
      assertMayDelete(await this.roleOf(person, id));
      if (organization.personal_for !== null) throw new PersonalOrganization('be deleted');
      for (const listener of this.deleting) await listener(id);
      await this.audit.record({
        // Nobody could read the log of an organization that is gone.
        organization_id: null,
        actor: person.actor,
        action: 'organization.deleted',
        subject: { organization_id: id },
        data: { name: organization.name },
      });
      await this.store.delete(id);
    });
  }

  /** Throws OrganizationNotFound, or SwitchFirst for a member whose token acts elsewhere. */
  async assertActsIn(principal: Principal, id: string): Promise<void> {
    if (principal.organization_id === id) return;
    throw (await this.findOwn(principal, id)) === null ? new OrganizationNotFound() : new SwitchFirst();
  }

  /**
   * Locks the organization that the caller acts in against other changes of its members, and tells what the caller is
   * there by now. Throws OrganizationNotFound or SwitchFirst.
   */
  async lock(principal: Principal, id: string): Promise<{ organization: Organization; role: Role }> {
    await this.assertActsIn(principal, id);
    const organization = await this.store.lock(id);
    if (organization === null) throw new OrganizationNotFound();
    return { organization, role: await this.roleOf(principal, id) };
  }

  /** Locks an organization, whoever asks; null when it is gone. */
  async lockAny(id: string): Promise<Organization | null> {
    return this.store.lock(id);
  }

  /** The role in whose name a key acts is that of an admin: owners are touched by owners in person. */
  private async roleOf(principal: Principal, id: string): Promise<Role> {
    if (principal.kind !== 'user') return 'admin';
    const role = await this.store.findRole(id, principal.id);
    if (role === null) throw new OrganizationNotFound();
    return role;
  }

  private async findOwn(principal: Principal, id: string): Promise<OrganizationRow | null> {
    if (principal.kind === 'user') return this.store.findOfMember(id, principal.id);
    return principal.organization_id === id ? this.store.find(id) : null;
  }

  private async record(
    what: 'created' | 'renamed',
    { id }: Organization,
    { actor }: Principal,
    data: Record<string, unknown>,
  ): Promise<void> {
    const subject = { organization_id: id };
    await this.audit.record({ organization_id: id, actor, action: `organization.${what}`, subject, data });
  }
}
