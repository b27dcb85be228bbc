import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** A difference in the number of tasks of one kind, written by a trigger on `tasks`. */
@Entity('task_count_changes')
export class TaskCountChange {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'task_count_changes_pkey',
  })
  id!: string;

  @Column({ type: 'uuid' })
  @Index('task_count_changes_organization_id_idx')
  organization_id!: string;

  @Column({ type: 'uuid' })
  repository_id!: string;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'text' })
  status!: string;

  @Column({ type: 'text' })
  priority!: string;

  @Column({ type: 'integer' })
  change!: number;
}
