import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** A device that waits for somebody's approval (RFC 8628). */
@Entity('device_grants')
@Unique('device_grants_device_code_hash_key', ['device_code_hash'])
@Unique('device_grants_user_code_hash_key', ['user_code_hash'])
@Check('device_grants_status_check', `status in ('pending', 'approved', 'denied', 'used')`)
@Check(
  'device_grants_approved_check',
  `status <> 'approved' or (user_id is not null and organization_id is not null and session_id is not null)`,
)
export class DeviceGrant {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'device_grants_pkey' })
  id!: string;

  /** SHA-256 of what the device holds. */
  @Column({ type: 'bytea' })
  device_code_hash!: Buffer;

  /** HMAC of what the person types, without its hyphen: there are too few codes for a hash that anybody can make. */
  @Column({ type: 'bytea' })
  user_code_hash!: Buffer;

  /** What the program calls itself. */
  @Column({ type: 'text' })
  client_name!: string;

  /** Where the device asked from. */
  @Column({ type: 'text', nullable: true })
  ip!: string | null;

  @Column({ type: 'text', nullable: true })
  user_agent!: string | null;

  @Column({ type: 'text', default: 'pending' })
  status!: 'pending' | 'approved' | 'denied' | 'used';

  /** Who approved or denied it. */
  @Column({ type: 'uuid', nullable: true })
  @Index('device_grants_user_id_idx')
  @ForeignKey('User', { name: 'device_grants_user_id_fkey', onDelete: 'CASCADE' })
  user_id!: string | null;

  /** The organization its tokens will act in. */
  @Column({ type: 'uuid', nullable: true })
  @Index('device_grants_organization_id_idx')
  @ForeignKey('Organization', { name: 'device_grants_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string | null;

  /** The session of the approval: the device gets one like it, provided that it is still alive. */
  @Column({ type: 'uuid', nullable: true })
  @Index('device_grants_session_id_idx')
  @ForeignKey('Session', { name: 'device_grants_session_id_fkey', onDelete: 'CASCADE' })
  session_id!: string | null;

  /** The least time between two questions of the device; it grows when the device is too eager. */
  @Column({ type: 'integer' })
  interval_seconds!: number;

  @Column({ type: 'timestamptz', nullable: true })
  last_polled_at!: Date | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz' })
  @Index('device_grants_expires_at_idx')
  expires_at!: Date;
}
