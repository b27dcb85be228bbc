import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/**
 * What changes with the contacts of a worker. Everything that begins or ends an execution of it locks this row first, and
 * changes nothing in it.
 */
@Entity('worker_liveness')
export class WorkerLiveness {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'worker_liveness_pkey' })
  @ForeignKey('Worker', { name: 'worker_liveness_worker_id_fkey', onDelete: 'CASCADE' })
  worker_id!: string;

  @Column({ type: 'timestamptz', nullable: true })
  last_heartbeat!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  last_work_at!: Date | null;

  /** The token it registered for last; claims with an earlier one get nothing. */
  @Column({ type: 'uuid', nullable: true })
  key_id!: string | null;

  /** Earlier tokens of this life of the worker, each valid for a while after it was rotated out. */
  @Column({ type: 'uuid', array: true, default: '{}' })
  former_key_ids!: string[];

  /** Until then no claim gets anything: the end of a pause, or `infinity`. */
  @Column({ type: 'timestamptz', nullable: true })
  rests_until!: Date | number | null;

  /** What it said when it ended in order; null while it is not known to have done so. */
  @Column({ type: 'text', nullable: true })
  stop_note!: string | null;

  /** When work was last taken from it because it kept silent. */
  @Column({ type: 'timestamptz', nullable: true })
  lost_at!: Date | null;

  /** None of its leases has a smaller ordinal. */
  @Column({ type: 'bigint', default: 0 })
  first_lease!: string;

  /** Executions it ended with success. */
  @Column({ type: 'integer', default: 0 })
  completed!: number;

  /** Executions it ended without success. */
  @Column({ type: 'integer', default: 0 })
  failed!: number;

  @Column({ type: 'jsonb', nullable: true })
  metrics!: object | null;

  /** Whether it is to tell at once what is on its disk. */
  @Column({ type: 'boolean', default: false })
  inventory_asked!: boolean;
}
