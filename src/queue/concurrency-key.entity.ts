import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

const PRIMARY_KEY = 'concurrency_keys_pkey';

/** Which task holds an exclusive key of its organization: it alone of those with that key is queued or runs. */
@Entity('concurrency_keys')
@Unique('concurrency_keys_task_id_key', ['task_id'])
export class ConcurrencyKey {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  organization_id!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: PRIMARY_KEY })
  key!: string;

  @Column({ type: 'uuid' })
  task_id!: string;
}
