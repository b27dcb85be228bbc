import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { currentOrigin } from '../http/origin.js';
import { newId } from '../ids.js';
import type { AuditAction, AuditSubject } from './audit-actions.js';
import { AuditStore } from './audit.store.js';

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

/** Who did what, when, and from where. */
@Injectable()
export class AuditService {
  constructor(private readonly store: AuditStore) {}

  /** Writes an entry in the transaction under way, with the address and program of the request under way. */
  async record({ data = {}, ...fact }: AuditFact): Promise<void> {
    await this.store.insert({ ...fact, ...currentOrigin(), id: newId(), data });
  }
}
