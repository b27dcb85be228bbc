import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A process that supervises the workers of a host. It changes with its own heartbeats alone, so one row has all of it. */
@Entity('coordinators')
@Index('coordinators_name_key', ['organization_id', 'name'], { unique: true, where: 'organization_id is not null' })
@Index('coordinators_instance_name_key', ['name'], { unique: true, where: 'organization_id is null' })
@Check('coordinators_status_check', `status in ('active', 'draining')`)
@Check('coordinators_capacity_check', `capacity between 1 and 65536`)
export class Coordinator {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'coordinators_pkey' })
  id!: string;

  /** Null serves every organization. */
  @Column({ type: 'uuid', nullable: true })
  @Index('coordinators_organization_id_idx')
  @ForeignKey('Organization', { name: 'coordinators_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string | null;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  host!: string;

  /** Null when nobody has said. */
  @Column({ type: 'integer', nullable: true })
  capacity!: number | null;

  @Column({ type: 'text', array: true, default: '{}' })
  labels!: string[];

  /** As it was last set; one that drains has stopped once all its workers have. */
  @Column({ type: 'text', default: 'active' })
  status!: 'active' | 'draining';

  /** Whether the wish that it drains is that of its own process, which goes with it. */
  @Column({ type: 'boolean', default: false })
  drained_by_itself!: boolean;

  /** Its workers that were paused when its own process had them finish: they are again when it comes back. */
  @Column({ type: 'jsonb', nullable: true })
  paused_workers!: object | null;

  @Column({ type: 'text', nullable: true })
  note!: string | null;

  /** Null until it reports. */
  @Column({ type: 'jsonb', nullable: true })
  metrics!: object | null;

  @Column({ type: 'timestamptz', nullable: true })
  last_heartbeat!: Date | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  registered_at!: Date;

  /** The health of which events have told last. */
  @Column({ type: 'text', default: 'unknown' })
  told_health!: string;

  /** Whether events have told that this silence has lost it. */
  @Column({ type: 'boolean', default: false })
  told_lost!: boolean;
}
