import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Executions of an agent that ended together. */
@Entity('agent_count_changes')
export class AgentCountChange {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'agent_count_changes_pkey',
  })
  id!: string;

  @Column({ type: 'uuid' })
  @Index('agent_count_changes_organization_id_idx')
  organization_id!: string;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'integer' })
  completed!: number;

  @Column({ type: 'integer' })
  failed!: number;

  @Column({ type: 'double precision' })
  seconds!: number;
}
