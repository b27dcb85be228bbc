import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';
import type { FailureReason } from './failure-reasons.js';
import type { Priority, TaskStatus } from './task.states.js';

/** What has to be done. */
@Entity('tasks')
@Index('tasks_page_idx', ['organization_id', 'created_at', 'id'])
@Index('tasks_status_page_idx', ['organization_id', 'status', 'created_at', 'id'])
@Check(
  'tasks_status_check',
  `status in ('blocked', 'pending', 'running', 'completed', 'failed', 'cancelled', 'skipped')`,
)
@Check('tasks_priority_check', `priority in ('P0', 'P1', 'P2')`)
@Check('tasks_max_retries_check', `max_retries between 0 and 25`)
@Check('tasks_timeout_seconds_check', `timeout_seconds between 1 and 86400`)
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
  @ForeignKey('Agent', 'agent_type', { name: 'tasks_agent_type_fkey' })
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
  @Index('tasks_worker_id_idx')
  @ForeignKey('Worker', { name: 'tasks_worker_id_fkey', onDelete: 'SET NULL' })
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

  @Column({ type: 'timestamptz', nullable: true })
  completed_at!: Date | null;
}
