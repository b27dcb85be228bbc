import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** An entry of the catalogue. */
@Entity('agents')
@Unique('agents_agent_type_key', ['agent_type'])
@Check('agents_category_check', `category in ('coding', 'business', 'builtin')`)
export class Agent {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'agents_pkey' })
  id!: string;

  @Column({ type: 'text' })
  agent_type!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'integer' })
  layer!: number;

  @Column({ type: 'text' })
  category!: 'coding' | 'business' | 'builtin';

  @Column({ type: 'text' })
  description!: string;

  @Column({ type: 'text', array: true })
  capabilities!: string[];

  @Column({ type: 'boolean', default: true })
  enabled!: boolean;

  /** How it is started; null means by the fleet's default CLI. */
  @Column({ type: 'jsonb', nullable: true })
  launch!: object | null;

  /** The CLI a worker must have for `launch`; null with a null `launch` or a built-in one. */
  @Column({ type: 'text', nullable: true })
  launcher!: string | null;

  @Column({ type: 'integer', default: 3600 })
  default_timeout_seconds!: number;

  @Column({ type: 'integer', nullable: true })
  max_concurrent!: number | null;

  /** Order in the catalogue. */
  @Column({ type: 'integer' })
  position!: number;
}
