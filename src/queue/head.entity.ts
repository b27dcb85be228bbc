import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/** Where a lane begins, for each priority. */
@Entity('queue_heads')
export class QueueHead {
  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'queue_heads_pkey' })
  @ForeignKey('QueueLane', { name: 'queue_heads_lane_id_fkey', onDelete: 'CASCADE' })
  lane_id!: number;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'queue_heads_pkey' })
  priority!: string;

  /** No entry is to be found before it. */
  @Column({ type: 'timestamptz', default: () => `'-infinity'` })
  run_at!: Date | number;

  /** How often an entry was put before it, for who looked in the meantime. */
  @Column({ type: 'integer', default: 0 })
  moves!: number;
}
