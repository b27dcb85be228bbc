import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** A refresh token that was given out. Used ones are kept until they expire, so that a second use is noticed. */
@Entity('refresh_tokens')
@Unique('refresh_tokens_token_hash_key', ['token_hash'])
export class RefreshToken {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'refresh_tokens_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @Index('refresh_tokens_session_id_idx')
  @ForeignKey('Session', { name: 'refresh_tokens_session_id_fkey', onDelete: 'CASCADE' })
  session_id!: string;

  /** SHA-256 of the token. */
  @Column({ type: 'bytea' })
  token_hash!: Buffer;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz' })
  expires_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  used_at!: Date | null;
}
