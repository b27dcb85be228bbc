import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A sign-in that has left for GitHub and is to come back, once, with the same browser. */
@Entity('oauth_states')
export class OauthState {
  /** SHA-256 of `state`. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'oauth_states_pkey' })
  state_hash!: Buffer;

  /** SHA-256 of what the browser's cookie holds. */
  @Column({ type: 'bytea' })
  browser_hash!: Buffer;

  /** The PKCE verifier (RFC 7636), encrypted. */
  @Column({ type: 'text' })
  sealed_verifier!: string;

  /** Own path to go to afterwards. */
  @Column({ type: 'text' })
  redirect!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz' })
  @Index('oauth_states_expires_at_idx')
  expires_at!: Date;
}
