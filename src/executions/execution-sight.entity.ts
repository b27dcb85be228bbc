import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/** What the checkout of a running execution held when its worker looked at it last. */
@Entity('execution_sights')
export class ExecutionSight {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'execution_sights_pkey' })
  @ForeignKey('Execution', { name: 'execution_sights_execution_id_fkey', onDelete: 'CASCADE' })
  execution_id!: string;

  /** The commit that says so; it is beside the mirror, or in it when nothing has changed. */
  @Column({ type: 'text' })
  commit_sha!: string;

  @Column({ type: 'timestamptz' })
  seen_at!: Date;
}
