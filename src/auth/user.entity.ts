import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** A person, known by their GitHub id. */
@Entity('users')
@Unique('users_github_id_key', ['github_id'])
// TypeORM cannot describe an index over an expression.
@Index('users_login_idx', { synchronize: false })
export class User {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'users_pkey' })
  id!: string;

  /** A string of digits: ids beyond 2^53 are not exact as numbers. */
  @Column({ type: 'bigint' })
  github_id!: string;

  @Column({ type: 'text' })
  login!: string;

  @Column({ type: 'text', nullable: true })
  email!: string | null;

  @Column({ type: 'text', nullable: true })
  name!: string | null;

  @Column({ type: 'text', nullable: true })
  avatar_url!: string | null;

  /** When they last signed in through GitHub; from then on mock login is closed to them. */
  @Column({ type: 'timestamptz', nullable: true })
  github_login_at!: Date | null;

  /** Whether they administer the instance: workers for every organization, the instance's own audit log. */
  @Column({ type: 'boolean', default: false })
  is_administrator!: boolean;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updated_at!: Date;
}
