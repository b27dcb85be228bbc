import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** Tasks that the same workers may serve: one row for each combination of what a claim compares. */
@Entity('queue_lanes')
@Unique('queue_lanes_key_key', ['key'])
export class QueueLane {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'queue_lanes_pkey',
  })
  id!: number;

  @Column({ type: 'text' })
  key!: string;

  @Column({ type: 'integer' })
  @Index('queue_lanes_turn_id_idx')
  @ForeignKey('QueueTurn', { name: 'queue_lanes_turn_id_fkey' })
  turn_id!: number;

  @Column({ type: 'uuid' })
  @Index('queue_lanes_organization_id_idx')
  @ForeignKey('Organization', { name: 'queue_lanes_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @Column({ type: 'uuid', nullable: true })
  repository_id!: string | null;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'text', array: true })
  required_labels!: string[];
}
