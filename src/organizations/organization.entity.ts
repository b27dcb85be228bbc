import { Column, Entity, ForeignKey, PrimaryColumn, Unique } from 'typeorm';

/** A tenant: everything else belongs to one. */
@Entity('organizations')
@Unique('organizations_personal_for_key', ['personal_for'])
export class Organization {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'organizations_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  /** The person whose first login made it; null for organizations made on purpose. */
  @Column({ type: 'uuid', nullable: true })
  @ForeignKey('User', { name: 'organizations_personal_for_fkey' })
  personal_for!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;
}
