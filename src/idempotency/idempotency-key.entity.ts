import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The first answer to a request, given again to those that come with the same key. */
@Entity('idempotency_keys')
export class IdempotencyKey {
  /** SHA-256 of organization, caller, method, path and key. */
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'idempotency_keys_pkey' })
  scope_hash!: Buffer;

  /** SHA-256 of key and body: another one with the same key is a mistake. */
  @Column({ type: 'bytea' })
  request_hash!: Buffer;

  @Column({ type: 'integer' })
  status!: number;

  /** Those that belong to the answer, such as `Location`. */
  @Column({ type: 'jsonb' })
  headers!: Record<string, string>;

  /** As text, so that it comes back to the letter. */
  @Column({ type: 'json', nullable: true })
  body!: unknown;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz' })
  @Index('idempotency_keys_expires_at_idx')
  expires_at!: Date;
}
