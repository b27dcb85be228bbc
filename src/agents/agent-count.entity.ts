import { Column, Entity, PrimaryColumn } from 'typeorm';

const PRIMARY_KEY = 'agent_counts_pkey';

/** How many executions of an agent have ended in an organization, but for the changes not yet folded in. */
@Entity('agent_counts')
export class AgentCount {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: PRIMARY_KEY })
  organization_id!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: PRIMARY_KEY })
  agent_type!: string;

  @Column({ type: 'bigint' })
  completed!: string;

  @Column({ type: 'bigint' })
  failed!: string;

  /** What the successful ones took together. */
  @Column({ type: 'double precision' })
  seconds!: number;
}
