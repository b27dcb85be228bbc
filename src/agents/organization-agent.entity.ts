import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

const PRIMARY_KEY = 'organization_agents_pkey';

/** What an organization has changed about an agent of the catalogue, or an agent of its own, which has a name here. */
@Entity('organization_agents')
@Index('organization_agents_id_key', ['organization_id', 'id'], { unique: true })
@Check(
  'organization_agents_own_check',
  `(name is null) = (category is null) and (name is null) = (description is null) and (name is null) = (capabilities is null)`,
)
@Check('organization_agents_category_check', `category in ('coding', 'business', 'custom')`)
@Check('organization_agents_default_timeout_seconds_check', `default_timeout_seconds between 1 and 86400`)
@Check('organization_agents_max_concurrent_check', `max_concurrent between 1 and 10000`)
export class OrganizationAgent {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  @ForeignKey('Organization', { name: 'organization_agents_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: PRIMARY_KEY })
  agent_type!: string;

  @Column({ type: 'text' })
  id!: string;

  /** Null for an agent of the catalogue, as the three below. */
  @Column({ type: 'text', nullable: true })
  name!: string | null;

  @Column({ type: 'text', nullable: true })
  category!: 'coding' | 'business' | 'custom' | null;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  @Column({ type: 'text', array: true, nullable: true })
  capabilities!: string[] | null;

  /** Null leaves it to the catalogue, as everything below. */
  @Column({ type: 'boolean', nullable: true })
  enabled!: boolean | null;

  @Column({ type: 'jsonb', nullable: true })
  launch!: object | null;

  /** The CLI a worker must have for `launch`; empty where a command of the organization's own starts none that is known. */
  @Column({ type: 'text', nullable: true })
  launcher!: string | null;

  @Column({ type: 'integer', nullable: true })
  default_timeout_seconds!: number | null;

  @Column({ type: 'integer', nullable: true })
  max_concurrent!: number | null;

  /** Order among the agents of its organization, behind those of the catalogue. */
  @Column({ type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  position!: number;
}
