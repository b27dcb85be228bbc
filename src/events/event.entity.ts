import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';

/** A fact, at its place. */
@Entity('events')
// On an expression, which TypeORM cannot say: ((subject->>'task_id'), position).
@Index('events_task_idx', { synchronize: false })
@Index('events_page_idx', ['organization_id', 'position'])
export class Event {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'events_pkey',
  })
  position!: string;

  @Column({ type: 'uuid' })
  organization_id!: string;

  @Column({ type: 'text' })
  type!: string;

  @Column({ type: 'jsonb' })
  actor!: Actor;

  @Column({ type: 'jsonb' })
  subject!: object;

  @Column({ type: 'jsonb' })
  data!: object;

  @Column({ type: 'timestamptz' })
  created_at!: Date;
}
