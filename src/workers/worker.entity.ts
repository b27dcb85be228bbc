import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A worker as it described itself when it registered. */
@Entity('workers')
@Index('workers_name_key', ['organization_id', 'name'], { unique: true, where: 'organization_id is not null' })
@Index('workers_instance_name_key', ['name'], { unique: true, where: 'organization_id is null' })
@Check('workers_status_check', `status in ('active', 'paused', 'draining', 'stopped')`)
@Check('workers_isolation_check', `isolation in ('uid', 'namespace', 'wrapper', 'none')`)
@Check('workers_capacity_check', `capacity between 1 and 256`)
export class Worker {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'workers_pkey' })
  id!: string;

  /** Null serves every organization. */
  @Column({ type: 'uuid', nullable: true })
  @Index('workers_organization_id_idx')
  @ForeignKey('Organization', { name: 'workers_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string | null;

  @Column({ type: 'text' })
  name!: string;

  /** The coordinator that supervises it; null for one that somebody started. */
  @Column({ type: 'uuid', nullable: true })
  @Index('workers_coordinator_id_idx')
  @ForeignKey('Coordinator', { name: 'workers_coordinator_id_fkey', onDelete: 'SET NULL' })
  coordinator_id!: string | null;

  /** As it was last set; `statusSql` tells what that comes to by now. */
  @Column({ type: 'text', default: 'active' })
  status!: 'active' | 'paused' | 'draining' | 'stopped';

  @Column({ type: 'text', array: true, default: '{}' })
  labels!: string[];

  /** Null takes any. */
  @Column({ type: 'text', array: true, nullable: true })
  agent_types!: string[] | null;

  /** Null is taken at its word for any agent. */
  @Column({ type: 'jsonb', nullable: true })
  launchers!: object[] | null;

  /** Names out of `launchers`, for the claim to compare. */
  @Column({ type: 'text', array: true, nullable: true })
  launcher_names!: string[] | null;

  /** Accounts of launchers that have one of their own, by name; what a provider limits is limited there alone. */
  @Column({ type: 'jsonb', nullable: true })
  launcher_accounts!: Record<string, string> | null;

  @Column({ type: 'text', default: 'none' })
  isolation!: string;

  @Column({ type: 'integer', default: 1 })
  capacity!: number;

  @Column({ type: 'text', nullable: true })
  version!: string | null;

  @Column({ type: 'integer', default: 1 })
  protocol!: number;

  @Column({ type: 'text', nullable: true })
  host!: string | null;

  @Column({ type: 'text', nullable: true })
  note!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  registered_at!: Date;

  /** The health of which events have told last. */
  @Column({ type: 'text', default: 'unknown' })
  told_health!: string;

  /** Whether events have told that this silence has lost it. */
  @Column({ type: 'boolean', default: false })
  told_lost!: boolean;

  /** Whether events have told that its disk has too little room. */
  @Column({ type: 'boolean', default: false })
  told_disk_low!: boolean;
}
