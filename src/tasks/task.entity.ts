import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';
import type { FailureReason } from './failure-reasons.js';
import type { Usage } from './usage.js';
import type { Priority, TaskStatus } from './task.states.js';

/** What has to be done. */
@Entity('tasks')
@Index('tasks_page_idx', ['organization_id', 'created_at', 'id'])
@Index('tasks_status_page_idx', ['organization_id', 'status', 'created_at', 'id'])
@Index('tasks_issue_page_idx', ['organization_id', 'issue_number', 'created_at', 'id'], {
  where: 'issue_number is not null',
})
@Index('tasks_queue_page_idx', ['organization_id', 'priority', 'run_at', 'id'], { where: `status = 'pending'` })
@Check(
  'tasks_status_check',
  `status in ('blocked', 'pending', 'running', 'completed', 'failed', 'cancelled', 'skipped')`,
)
@Check('tasks_priority_check', `priority in ('P0', 'P1', 'P2')`)
@Check('tasks_max_retries_check', `max_retries between 0 and 25`)
@Check('tasks_timeout_seconds_check', `timeout_seconds between 1 and 86400`)
@Check('tasks_max_cost_usd_check', `max_cost_usd > 0`)
@Check('tasks_max_tokens_check', `max_tokens > 0`)
@Check('tasks_retries_check', `retry_count between 0 and max_retries`)
export class Task {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'tasks_pkey' })
  id!: string;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ type: 'uuid' })
  @ForeignKey('Organization', { name: 'tasks_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @Column({ type: 'jsonb' })
  actor!: Actor;

  @Column({ type: 'uuid', nullable: true })
  @Index('tasks_repository_id_idx')
  @ForeignKey('Repository', { name: 'tasks_repository_id_fkey', onDelete: 'RESTRICT' })
  repository_id!: string | null;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  @Column({ type: 'text' })
  status!: TaskStatus;

  @Column({ type: 'text', default: 'P2' })
  priority!: Priority;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'integer', nullable: true })
  issue_number!: number | null;

  @Column({ type: 'text', array: true, default: '{}' })
  required_labels!: string[];

  @Column({ type: 'text', nullable: true })
  base_ref!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  run_at!: Date;

  @Column({ type: 'integer', default: 0 })
  retry_count!: number;

  @Column({ type: 'integer', default: 3 })
  max_retries!: number;

  @Column({ type: 'integer', default: 3600 })
  timeout_seconds!: number;

  @Column({ type: 'jsonb', default: '{}' })
  metadata!: Record<string, unknown>;

  @Column({ type: 'jsonb', nullable: true })
  result!: Record<string, unknown> | null;

  @Column({ type: 'text', nullable: true })
  error_message!: string | null;

  @Column({ type: 'text', nullable: true })
  failure_reason!: FailureReason | null;

  @Column({ type: 'uuid', nullable: true })
  worker_id!: string | null;

  @Column({ type: 'uuid', nullable: true })
  current_execution_id!: string | null;

  /** Executions so far, also those that did not count as retries. */
  @Column({ type: 'integer', default: 0 })
  attempts!: number;

  /** The lane its queue row goes to. */
  @Column({ type: 'integer' })
  lane_id!: number;

  @Column({ type: 'timestamptz', nullable: true })
  cancel_requested_at!: Date | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updated_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  started_at!: Date | null;

  @Index('tasks_completed_at_idx')
  @Column({ type: 'timestamptz', nullable: true })
  completed_at!: Date | null;

  /** Only one task of the organization with this key is queued or runs at a time. */
  @Column({ type: 'text', nullable: true })
  concurrency_key!: string | null;

  /** Whether the agent gets an isolated checkout. */
  @Column({ type: 'boolean', default: true })
  use_worktree!: boolean;

  @Column({ type: 'boolean', default: false })
  auto_pr!: boolean;

  /** The most that all attempts together may cost; a decimal text, as money is exact. */
  @Column({ type: 'numeric', precision: 14, scale: 6, nullable: true })
  max_cost_usd!: string | null;

  /** The most tokens that all attempts together may use. */
  @Column({ type: 'bigint', nullable: true })
  max_tokens!: string | null;

  /** What the attempts that have ended used together. */
  @Column({ type: 'jsonb', nullable: true })
  usage!: Usage | null;
}
