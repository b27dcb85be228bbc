import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An execution whose log entries are to leave; it may be gone itself. A trigger notes those that are deleted. */
@Entity('removed_logs')
export class RemovedLog {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'removed_logs_pkey' })
  execution_id!: string;

  /** Entries before this one have left. */
  @Column({ type: 'integer', default: 0 })
  next_seq!: number;
}
