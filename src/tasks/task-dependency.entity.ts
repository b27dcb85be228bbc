import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

const PRIMARY_KEY = 'task_dependencies_pkey';

/** That one task waits for another to complete. */
@Entity('task_dependencies')
@Index('task_dependencies_depends_on_id_idx', ['depends_on_id', 'task_id'])
@Check('task_dependencies_self_check', `task_id <> depends_on_id`)
export class TaskDependency {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  @ForeignKey('Task', { name: 'task_dependencies_task_id_fkey', onDelete: 'CASCADE' })
  task_id!: string;

  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  @ForeignKey('Task', { name: 'task_dependencies_depends_on_id_fkey', onDelete: 'CASCADE' })
  depends_on_id!: string;

  /** Its place among the dependencies of the task: their branches are merged in this order. */
  @Column({ type: 'integer' })
  place!: number;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;
}
