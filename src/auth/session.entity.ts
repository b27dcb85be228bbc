import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** One sign-in of one person, until they sign out or stay away for too long. */
@Entity('sessions')
@Check('sessions_origin_check', `origin in ('mock', 'github')`)
export class Session {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'sessions_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @Index('sessions_user_id_idx')
  @ForeignKey('User', { name: 'sessions_user_id_fkey', onDelete: 'CASCADE' })
  user_id!: string;

  /** The organization that its tokens act in. */
  @Column({ type: 'uuid' })
  @Index('sessions_organization_id_idx')
  @ForeignKey('Organization', { name: 'sessions_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @Column({ type: 'text' })
  origin!: 'mock' | 'github';

  @Column({ type: 'text', nullable: true })
  user_agent!: string | null;

  @Column({ type: 'text', nullable: true })
  ip!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  /** Within a minute; not written for every request. */
  @Column({ type: 'timestamptz', default: () => 'now()' })
  last_used_at!: Date;

  /** Moves on with each refresh, up to `ends_at`. */
  @Column({ type: 'timestamptz' })
  @Index('sessions_expires_at_idx')
  expires_at!: Date;

  /** When it ends, however often it is refreshed. */
  @Column({ type: 'timestamptz' })
  ends_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  revoked_at!: Date | null;
}
