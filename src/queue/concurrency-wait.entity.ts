import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A pending task that waits for its key, with what its queue entry will be made of. */
@Entity('concurrency_waits')
@Index('concurrency_waits_order_idx', ['organization_id', 'key', 'priority', 'run_at', 'task_id'])
export class ConcurrencyWait {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'concurrency_waits_pkey' })
  task_id!: string;

  @Column({ type: 'uuid' })
  organization_id!: string;

  @Column({ type: 'text' })
  key!: string;

  @Column({ type: 'integer' })
  lane_id!: number;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'text' })
  priority!: string;

  @Column({ type: 'timestamptz' })
  @Index('concurrency_waits_run_at_idx')
  run_at!: Date;
}
