import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Usage } from '../tasks/usage.js';
import type { FailureReason } from '../tasks/failure-reasons.js';
import type { ExecutionStatus } from './execution.states.js';

/** One attempt at one task. Its id is the fence of every call about it. */
@Entity('agent_executions')
@Check('agent_executions_quality_score_check', `quality_score between 0 and 100`)
@Index('agent_executions_logs_age_idx', ['started_at'], { where: 'logs_removed_at is null' })
@Index('agent_executions_branch_idx', ['repository_id', 'branch'])
@Index('agent_executions_commit_idx', ['repository_id', 'commit_sha'], { where: 'commit_sha is not null' })
@Index('agent_executions_page_idx', ['organization_id', 'started_at', 'id'])
@Check('agent_executions_status_check', `status in ('running', 'completed', 'failed', 'cancelled', 'released')`)
export class Execution {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'agent_executions_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  organization_id!: string;

  @Column({ type: 'uuid' })
  @Index('agent_executions_task_id_idx')
  @ForeignKey('Task', { name: 'agent_executions_task_id_fkey', onDelete: 'CASCADE' })
  task_id!: string;

  @Column({ type: 'uuid', nullable: true })
  @ForeignKey('Repository', { name: 'agent_executions_repository_id_fkey', onDelete: 'RESTRICT' })
  repository_id!: string | null;

  @Column({ type: 'integer' })
  attempt!: number;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'uuid', nullable: true })
  @Index('agent_executions_worker_id_idx')
  worker_id!: string | null;

  /** The coordinator that its worker had when it began; it stays when either is gone. */
  @Column({ type: 'uuid', nullable: true })
  coordinator_id!: string | null;

  @Column({ type: 'text', nullable: true })
  isolation!: string | null;

  @Column({ type: 'text' })
  status!: ExecutionStatus;

  @Column({ type: 'text', nullable: true })
  failure_reason!: FailureReason | null;

  @Column({ type: 'text', nullable: true })
  error_message!: string | null;

  @Column({ type: 'integer', nullable: true })
  progress!: number | null;

  @Column({ type: 'text', nullable: true })
  progress_message!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  started_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  finished_at!: Date | null;

  @Column({ type: 'integer', nullable: true })
  exit_code!: number | null;

  @Column({ type: 'text', nullable: true })
  base_sha!: string | null;

  @Column({ type: 'text' })
  branch!: string;

  @Column({ type: 'text', nullable: true })
  commit_sha!: string | null;

  /** When the commit came by a push while it ran. */
  @Column({ type: 'timestamptz', nullable: true })
  pushed_at!: Date | null;

  @Column({ type: 'integer', default: 0 })
  log_entries!: number;

  /** Lines that its worker has left out of the log. */
  @Column({ type: 'integer', default: 0 })
  log_left_out!: number;

  @Column({ type: 'boolean', default: false })
  log_incomplete!: boolean;

  /** False when the server ended it: then a late word of its worker changes nothing. */
  @Column({ type: 'boolean', default: false })
  finished_by_worker!: boolean;

  @Column({ type: 'jsonb', nullable: true })
  result!: Record<string, unknown> | null;

  /** Model the agent used. */
  @Column({ type: 'text', nullable: true })
  model!: string | null;

  /** The agent's own session, which a further attempt may go on with. */
  @Column({ type: 'text', nullable: true })
  session_id!: string | null;

  @Column({ type: 'integer', nullable: true })
  pull_request_number!: number | null;

  @Column({ type: 'text', nullable: true })
  pull_request_url!: string | null;

  @Column({ type: 'integer', nullable: true })
  quality_score!: number | null;

  /** What it used, as last reported. */
  @Column({ type: 'jsonb', nullable: true })
  usage!: Usage | null;

  /** When its log entries left because of their age. */
  @Column({ type: 'timestamptz', nullable: true })
  logs_removed_at!: Date | null;
}
