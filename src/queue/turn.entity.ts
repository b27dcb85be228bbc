import { Column, Entity, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** A repository of an organization, as one that takes its turn. */
@Entity('queue_turns')
@Unique('queue_turns_key_key', ['key'])
export class QueueTurn {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'queue_turns_pkey',
  })
  id!: number;

  @Column({ type: 'text' })
  key!: string;

  @Column({ type: 'timestamptz', default: () => "'-infinity'" })
  served_at!: Date;
}
