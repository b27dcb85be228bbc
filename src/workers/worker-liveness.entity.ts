import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/** What changes with every contact of a worker. */
@Entity('worker_liveness')
@Check('worker_liveness_running_check', `running >= 0`)
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

  /** Executions it holds; kept by every statement that begins or ends one. */
  @Column({ type: 'integer', default: 0 })
  running!: number;

  /** Executions it ended with success. */
  @Column({ type: 'integer', default: 0 })
  completed!: number;

  /** Executions it ended without success. */
  @Column({ type: 'integer', default: 0 })
  failed!: number;

  @Column({ type: 'jsonb', nullable: true })
  metrics!: object | null;
}
