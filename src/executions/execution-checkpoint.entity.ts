import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/** The last checkpoint of an attempt, for the next one. Apart from the lease, whose row must stay narrow. */
@Entity('execution_checkpoints')
export class ExecutionCheckpoint {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'execution_checkpoints_pkey' })
  @ForeignKey('Execution', { name: 'execution_checkpoints_execution_id_fkey', onDelete: 'CASCADE' })
  execution_id!: string;

  @Column({ type: 'jsonb' })
  checkpoint!: unknown;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  saved_at!: Date;
}
