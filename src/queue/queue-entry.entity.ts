import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A pending task, as narrow as a claim needs it. */
@Entity('queue_entries')
@Index('queue_entries_order_idx', ['lane_id', 'priority', 'run_at', 'task_id'])
export class QueueEntry {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'queue_entries_pkey' })
  task_id!: string;

  @Column({ type: 'integer' })
  lane_id!: number;

  @Column({ type: 'text' })
  priority!: string;

  @Column({ type: 'timestamptz' })
  run_at!: Date;
}
