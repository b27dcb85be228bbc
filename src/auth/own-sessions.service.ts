import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Database } from '../database/database.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { SessionNotFound } from './auth.errors.js';
import type { UserPrincipal } from './principal.js';
import { SessionsStore, type SessionRow } from './sessions.store.js';

export type { SessionRow };

/** What people see of their own sessions. Somebody else's and none look alike. */
@Injectable()
export class OwnSessionsService {
  constructor(
    private readonly store: SessionsStore,
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /** Those that have not ended, newest first. Throws InvalidInput for a broken cursor. */
  async list<T>(person: UserPrincipal, query: PageQuery, present: (session: SessionRow) => T): Promise<Page<T>> {
    const rows = await this.store.listLiveOf(person.id, readCursor(query.cursor), query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Its tokens are refused from the next request on. Throws SessionNotFound. */
  async revoke(person: UserPrincipal, id: string): Promise<void> {
    await this.database.transaction(async () => {
      const session = await this.store.revokeOf(person.id, id);
      if (session === null) throw new SessionNotFound();
      await this.audit.record({
        organization_id: session.organization_id,
        actor: person.actor,
        action: 'auth.session_revoked',
        subject: { user_id: person.id, session_id: id },
      });
    });
  }
}
