import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import { isId } from '../ids.js';
import type { AuditAction } from './audit-actions.js';
import type { AuditEntry } from './audit-entry.entity.js';

export type NewAuditEntry = Omit<AuditEntry, 'created_at'>;

export type AuditRow = AuditEntry & { cursor_at: string };

export interface AuditFilter {
  /** Null is the instance's own log. */
  organization_id: string | null;
  /** Id or login. */
  actor?: string;
  action?: readonly AuditAction[];
  /** Any id of the subject. */
  subject?: string;
  after?: string;
  before?: string;
  /** Behind which to go on. */
  position: Position | null;
}

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

  /** Newest first. Only what is asked for stands in the statement, so that each filter is served by its own index. */
  async findPage(filter: AuditFilter, limit: number): Promise<AuditRow[]> {
    const parameters: unknown[] = [];
    const given = (value: unknown): string => `$${parameters.push(value)}`;
    const { organization_id, actor, action, subject, after, before, position } = filter;
    const owner = organization_id === null ? 'organization_id is null' : `organization_id = ${given(organization_id)}`;
    const conditions = [owner];
    if (actor !== undefined)
      conditions.push(
        isId(actor.toLowerCase())
          ? `actor ->> 'id' = lower(${given(actor)})`
          : `lower(actor ->> 'login') = lower(${given(actor)})`,
      );
    // One alone keeps the order of its index.
    if (action?.length === 1) conditions.push(`action = ${given(action[0])}`);
    else if (action !== undefined) conditions.push(`action = any (${given(action)}::text[])`);
    if (after !== undefined) conditions.push(`created_at > ${given(after)}::timestamptz`);
    if (before !== undefined) conditions.push(`created_at < ${given(before)}::timestamptz`);
    if (position !== null)
      conditions.push(`(created_at, id) < (${given(position.at)}::timestamptz, ${given(position.id)}::uuid)`);
    // How rare an id is cannot be told from statistics: behind `offset 0` it is looked up before anything is put in order.
    const entries =
      subject === undefined
        ? 'audit_entries'
        : `(select * from audit_entries where ${owner} and subject @@ ${given(`$.* == ${JSON.stringify(subject)}`)}::jsonpath offset 0)`;
    return this.database.query<AuditRow>(
      `select *, ${cursorTime('created_at')} as cursor_at from ${entries} as entries
       where ${conditions.join(' and ')}
       order by created_at desc, id desc limit ${given(limit)}`,
      parameters,
    );
  }
}
