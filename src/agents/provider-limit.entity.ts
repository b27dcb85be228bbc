import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** That the provider behind a launcher takes no more requests of an account until a time. */
@Entity('provider_limits')
@Index('provider_limits_account_key', ['organization_id', 'launcher', 'account'], { unique: true })
@Check('provider_limits_reason_check', `reason in ('rate_limited', 'quota')`)
export class ProviderLimit {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'provider_limits_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Organization', { name: 'provider_limits_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @Column({ type: 'text' })
  launcher!: string;

  /** As the worker names it; empty for the one account that an organization is taken to have. */
  @Column({ type: 'text' })
  account!: string;

  @Column({ type: 'text' })
  reason!: 'rate_limited' | 'quota';

  @Column({ type: 'timestamptz' })
  until!: Date;

  /** The execution that met it first. */
  @Column({ type: 'uuid' })
  reported_by!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  reported_at!: Date;
}
