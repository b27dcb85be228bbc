import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { AuditEntry } from './audit-entry.entity.js';

export type NewAuditEntry = Omit<AuditEntry, 'created_at'>;

/** Every query on the audit log. */
@Injectable()
export class AuditStore {
  constructor(private readonly database: Database) {}

  async insert(entry: NewAuditEntry): Promise<void> {
    await this.database.query(
      `insert into audit_entries (id, organization_id, actor, action, subject, data, ip, user_agent, request_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        entry.id,
        entry.organization_id,
        entry.actor,
        entry.action,
        entry.subject,
        entry.data,
        entry.ip,
        entry.user_agent,
        entry.request_id,
      ],
    );
  }
}
