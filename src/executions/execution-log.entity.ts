import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** One line of what an execution said. It may be there for a while longer than the execution: see `removed_logs`. */
@Entity('execution_logs')
@Check('execution_logs_level_check', `level in ('debug', 'info', 'warn', 'error')`)
@Check('execution_logs_stream_check', `stream in ('stdout', 'stderr', 'agent', 'system')`)
export class ExecutionLog {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'execution_logs_pkey' })
  execution_id!: string;

  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'execution_logs_pkey' })
  seq!: number;

  @Column({ type: 'text' })
  level!: string;

  @Column({ type: 'text' })
  stream!: string;

  @Column({ type: 'text' })
  message!: string;

  @Column({ type: 'timestamptz' })
  logged_at!: Date;
}
