import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** An execution that runs: whose it is, how long still, and what changes meanwhile. */
@Entity('leases')
@Unique('leases_task_id_key', ['task_id'])
@Index('leases_worker_id_idx', ['worker_id', 'ordinal'])
@Index('leases_cancel_idx', ['worker_id'], { where: 'cancel_requested_at is not null' })
@Check('leases_progress_check', `progress between 0 and 100`)
export class Lease {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'leases_pkey' })
  execution_id!: string;

  @Column({ type: 'uuid' })
  task_id!: string;

  /** Null for an attempt begun by hand: it has a time limit and nobody who renews it. */
  @Column({ type: 'uuid', nullable: true })
  worker_id!: string | null;

  /** Grows with each lease that is given, whatever the clocks say. */
  @Column({ type: 'bigint', generated: 'identity', generatedIdentity: 'ALWAYS' })
  ordinal!: string;

  /** Renewed by heartbeats; only the sweep ends a lease. */
  @Column({ type: 'timestamptz' })
  expires_at!: Date;

  /** Start plus the task's time limit. */
  @Column({ type: 'timestamptz' })
  deadline_at!: Date;

  /** When its worker said first that the agent is over. */
  @Column({ type: 'timestamptz', nullable: true })
  agent_ended_at!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  cancel_requested_at!: Date | null;

  /** Of the claim that got it, so that a lost answer is given again. */
  @Column({ type: 'text', nullable: true })
  request_key!: string | null;

  @Column({ type: 'integer', default: 0 })
  log_entries!: number;

  @Column({ type: 'integer', nullable: true })
  progress!: number | null;

  @Column({ type: 'text', nullable: true })
  progress_message!: string | null;

  /** What it has used so far, as its worker says. */
  @Column({ type: 'jsonb', nullable: true })
  usage!: Record<string, unknown> | null;

  @Column({ type: 'text', nullable: true })
  session_id!: string | null;

  /** Why it is to end, when it is not somebody's wish: `policy` for a budget that is used up. */
  @Column({ type: 'text', nullable: true })
  cancel_reason!: string | null;

  /** Whether somebody has been warned that the budget is nearly used up. */
  @Column({ type: 'boolean', default: false })
  budget_warned!: boolean;
}
