import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** The token that GitHub gave for a person at their last sign-in. */
@Entity('github_tokens')
export class GithubToken {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'github_tokens_pkey' })
  @ForeignKey('User', { name: 'github_tokens_user_id_fkey', onDelete: 'CASCADE' })
  user_id!: string;

  /** AES-256-GCM, bound to the person. */
  @Column({ type: 'text' })
  sealed_token!: string;

  /** Which of the configured keys it is encrypted with. */
  @Column({ type: 'text' })
  @Index('github_tokens_key_id_idx')
  key_id!: string;

  @Column({ type: 'text', array: true })
  scopes!: string[];

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updated_at!: Date;
}
