import { Column, Entity, PrimaryColumn } from 'typeorm';

const PRIMARY_KEY = 'task_counts_pkey';

/** How many tasks there are of one kind, but for the changes not yet folded in. */
@Entity('task_counts')
export class TaskCount {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  organization_id!: string;

  /** The zero id stands for none. */
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  repository_id!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: PRIMARY_KEY })
  agent_type!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: PRIMARY_KEY })
  status!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: PRIMARY_KEY })
  priority!: string;

  @Column({ type: 'bigint' })
  tasks!: string;
}
