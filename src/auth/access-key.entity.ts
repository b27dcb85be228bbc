import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import type { Permission } from './permissions.js';

/**
 * A secret of a program: somebody's API key, the token of one worker or coordinator, the key with which these register, or
 * a token with which machines join.
 */
@Entity('access_keys')
@Unique('access_keys_secret_hash_key', ['secret_hash'])
@Check('access_keys_kind_check', `kind in ('worker', 'coordinator', 'registration', 'api_key', 'join')`)
@Check('access_keys_api_key_check', `kind <> 'api_key' or (organization_id is not null and prefix is not null)`)
@Check(
  'access_keys_join_check',
  `case when kind = 'join' then organization_id is not null and prefix is not null
     and expires_at is not null and uses_left >= 0 and labels is not null else uses_left is null end`,
)
@Check(
  'access_keys_joins_check',
  `case when kind = 'join' then joins is not null and joins in ('worker', 'coordinator') else joins is null end`,
)
@Check('access_keys_worker_check', `(kind = 'worker') = (worker_id is not null)`)
@Check('access_keys_coordinator_check', `(kind = 'coordinator') = (coordinator_id is not null)`)
// TypeORM cannot describe an index with an order.
@Index('access_keys_api_key_idx', { synchronize: false })
@Index('access_keys_join_idx', { synchronize: false })
@Index('access_keys_join_end_idx', ['expires_at'], { where: `kind = 'join'` })
export class AccessKey {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'access_keys_pkey' })
  id!: string;

  /** Null speaks for the whole instance. */
  @Column({ type: 'uuid', nullable: true })
  @Index('access_keys_organization_id_idx')
  @ForeignKey('Organization', { name: 'access_keys_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string | null;

  @Column({ type: 'text' })
  kind!: 'worker' | 'coordinator' | 'registration' | 'api_key' | 'join';

  /** The one worker whose token this is. */
  @Column({ type: 'uuid', nullable: true })
  @Index('access_keys_worker_id_idx')
  worker_id!: string | null;

  /** The one coordinator whose token this is. */
  @Column({ type: 'uuid', nullable: true })
  @Index('access_keys_coordinator_id_idx')
  coordinator_id!: string | null;

  @Column({ type: 'text' })
  name!: string;

  /** How an API key begins, for people to recognize it by. */
  @Column({ type: 'text', nullable: true })
  prefix!: string | null;

  @Column({ type: 'text', array: true })
  permissions!: Permission[];

  /** What registers with a join token. */
  @Column({ type: 'text', nullable: true })
  joins!: 'worker' | 'coordinator' | null;

  /** How many more may register with a join token. */
  @Column({ type: 'integer', nullable: true })
  uses_left!: number | null;

  /** What a join token gives to its workers; kept with the tokens of what it let in, as that comes back with these. */
  @Column({ type: 'text', array: true, nullable: true })
  labels!: string[] | null;

  /** SHA-256 of the whole key. */
  @Column({ type: 'bytea' })
  secret_hash!: Buffer;

  @Column({ type: 'uuid', nullable: true })
  @Index('access_keys_created_by_idx')
  @ForeignKey('User', { name: 'access_keys_created_by_fkey', onDelete: 'SET NULL' })
  created_by!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  expires_at!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  revoked_at!: Date | null;

  /** Within a minute; not written for every request. */
  @Column({ type: 'timestamptz', nullable: true })
  last_used_at!: Date | null;
}
