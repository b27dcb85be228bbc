import { Injectable } from '@nestjs/common';
import { organizationOf, type Actor, type Principal } from '../auth/principal.js';
import { currentOrigin } from '../http/origin.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { newId } from '../ids.js';
import type { AuditAction, AuditScope, AuditSubject } from './audit-actions.js';
import { AdministratorsOnly } from './audit.errors.js';
import { AuditStore, type AuditFilter, type AuditRow } from './audit.store.js';

export type { AuditRow };

/** Something to be remembered for good. */
export interface AuditFact {
  /** Whose log it belongs to; null is the instance's. */
  organization_id: string | null;
  actor: Actor;
  action: AuditAction;
  subject: AuditSubject;
  /** What else is worth knowing, such as the role before and after. Never a secret. */
  data?: Record<string, unknown>;
}

/** What a caller wants to read. */
export type AuditListInput = PageQuery &
  Partial<Pick<AuditFilter, 'actor' | 'action' | 'subject' | 'after' | 'before'>> & { scope?: AuditScope };

/** Who did what, when, and from where. */
@Injectable()
export class AuditService {
  constructor(private readonly store: AuditStore) {}

  /** Writes an entry in the transaction under way, with the address and program of the request under way. */
  async record({ data = {}, ...fact }: AuditFact): Promise<void> {
    await this.store.insert({ ...fact, ...currentOrigin(), id: newId(), data });
  }

  /** Newest first. Throws AdministratorsOnly, or InvalidInput for a broken cursor. */
  async list<T>(principal: Principal, input: AuditListInput, present: (entry: AuditRow) => T): Promise<Page<T>> {
    const { scope = 'organization', cursor, limit, ...filter } = input;
    const organization_id = scope === 'instance' ? instanceOf(principal) : organizationOf(principal);
    const rows = await this.store.findPage({ ...filter, organization_id, position: readCursor(cursor) }, limit + 1);
    return toPage(rows, limit, present);
  }
}

/** The instance's log has no organization. */
function instanceOf(principal: Principal): null {
  if (principal.kind === 'user' && principal.is_administrator) return null;
  throw new AdministratorsOnly();
}
