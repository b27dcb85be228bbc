import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';
import type { AuditAction, AuditSubject } from './audit-actions.js';

/** That somebody did something, when, and from where. A trigger refuses every change of an entry. */
@Entity('audit_entries')
// TypeORM cannot describe an index with an order, over an expression, or of another kind than a B-tree.
@Index('audit_entries_organization_idx', { synchronize: false })
@Index('audit_entries_instance_idx', { synchronize: false })
@Index('audit_entries_actor_id_idx', { synchronize: false })
@Index('audit_entries_actor_login_idx', { synchronize: false })
@Index('audit_entries_action_idx', { synchronize: false })
@Index('audit_entries_subject_idx', { synchronize: false })
export class AuditEntry {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'audit_entries_pkey' })
  id!: string;

  /** Null is the instance itself. Not a reference: entries stay when the organization goes. */
  @Column({ type: 'uuid', nullable: true })
  organization_id!: string | null;

  @Column({ type: 'jsonb' })
  actor!: Actor;

  @Column({ type: 'text' })
  action!: AuditAction;

  @Column({ type: 'jsonb' })
  subject!: AuditSubject;

  @Column({ type: 'jsonb' })
  data!: Record<string, unknown>;

  @Column({ type: 'text', nullable: true })
  ip!: string | null;

  @Column({ type: 'text', nullable: true })
  user_agent!: string | null;

  @Column({ type: 'text', nullable: true })
  request_id!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;
}
