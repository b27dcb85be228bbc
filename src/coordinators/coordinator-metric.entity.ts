import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** What a coordinator once reported of its host. */
@Entity('coordinator_metrics')
// TypeORM cannot describe an index with an order.
@Index('coordinator_metrics_page_idx', { synchronize: false })
export class CoordinatorMetric {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'coordinator_metrics_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Coordinator', { name: 'coordinator_metrics_coordinator_id_fkey', onDelete: 'CASCADE' })
  coordinator_id!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  @Index('coordinator_metrics_recorded_at_idx')
  recorded_at!: Date;

  @Column({ type: 'jsonb' })
  metrics!: object;
}
