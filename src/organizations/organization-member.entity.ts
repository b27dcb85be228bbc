import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Role } from '../auth/permissions.js';

const PRIMARY_KEY = 'organization_members_pkey';

/** That a person belongs to an organization, and as what. */
@Entity('organization_members')
@Check('organization_members_role_check', `role in ('owner', 'admin', 'member', 'viewer')`)
@Index('organization_members_page_idx', ['organization_id', 'created_at', 'user_id'])
export class OrganizationMember {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  @ForeignKey('Organization', { name: 'organization_members_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  @Index('organization_members_user_id_idx')
  @ForeignKey('User', { name: 'organization_members_user_id_fkey', onDelete: 'CASCADE' })
  user_id!: string;

  @Column({ type: 'text' })
  role!: Role;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;
}
