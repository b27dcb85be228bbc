import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Role } from '../auth/permissions.js';

/** As the row has it, and `expired` for one that waited in vain. */
export const INVITATION_STATUSES = ['pending', 'accepted', 'declined', 'revoked', 'expired'] as const;

export type InvitationStatus = (typeof INVITATION_STATUSES)[number];

/** That somebody, known by their GitHub login, may join an organization. */
@Entity('invitations')
@Check('invitations_role_check', `role in ('owner', 'admin', 'member', 'viewer')`)
@Check('invitations_status_check', `status in ('pending', 'accepted', 'declined', 'revoked')`)
// TypeORM cannot describe an index over an expression.
@Index('invitations_pending_key', { synchronize: false })
@Index('invitations_login_idx', { synchronize: false })
@Index('invitations_page_idx', ['organization_id', 'created_at', 'id'])
export class Invitation {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'invitations_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Organization', { name: 'invitations_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  /** GitHub login, as it was written by who invites; compared without regard to case. */
  @Column({ type: 'text' })
  login!: string;

  @Column({ type: 'text' })
  role!: Role;

  @Column({ type: 'text', default: 'pending' })
  status!: Exclude<InvitationStatus, 'expired'>;

  @Column({ type: 'uuid', nullable: true })
  @Index('invitations_invited_by_idx')
  @ForeignKey('User', { name: 'invitations_invited_by_fkey', onDelete: 'SET NULL' })
  invited_by!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz' })
  expires_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  answered_at!: Date | null;
}
