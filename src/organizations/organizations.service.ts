import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { newId } from '../ids.js';
import type { Organization } from './organization.entity.js';
import { OrganizationNotFound } from './organizations.errors.js';
import { OrganizationsStore, type OrganizationRow } from './organizations.store.js';

/** An organization that has just been made, and who made it. */
export interface NewOrganization {
  id: string;
  created_by: string;
}

export type NewOrganizationListener = (organization: NewOrganization) => Promise<void>;

/** Tenants. Not there and not the caller's own look alike. */
@Injectable()
export class OrganizationsService {
  private readonly logger = new Logger(OrganizationsService.name);
  private readonly listeners: NewOrganizationListener[] = [];

  constructor(private readonly store: OrganizationsStore) {}

  /** For features that furnish a new organization; called after it has been committed, before the login is answered. */
  onCreated(listener: NewOrganizationListener): void {
    this.listeners.push(listener);
  }

  /** Tells the listeners. What fails there is logged only: the organization exists all the same. */
  async announceCreated(organization: NewOrganization): Promise<void> {
    for (const listener of this.listeners) {
      try {
        await listener(organization);
      } catch (error) {
        this.logger.error({ err: error, organization_id: organization.id }, 'a new organization was not furnished');
      }
    }
  }

  /** The person's own organization, made if there is none. To be called in the transaction that saves the person. */
  async ensurePersonal(user: { id: string; login: string }): Promise<{ organization: Organization; created: boolean }> {
    const own = await this.store.findPersonal(user.id);
    if (own !== null) return { organization: own, created: false };
    return { organization: await this.store.insertPersonal(newId(), user.login, user.id), created: true };
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

  private async findOwn(principal: Principal, id: string): Promise<OrganizationRow | null> {
    if (principal.kind === 'user') return this.store.findOfMember(id, principal.id);
    return principal.organization_id === id ? this.store.find(id) : null;
  }
}
