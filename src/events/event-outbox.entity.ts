import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';

/** A fact that has no place in the order of events yet. */
@Entity('event_outbox')
export class EventOutbox {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'event_outbox_pkey',
  })
  id!: string;

  @Column({ type: 'uuid' })
  organization_id!: string;

  @Column({ type: 'text' })
  type!: string;

  @Column({ type: 'jsonb' })
  actor!: Actor;

  @Column({ type: 'jsonb' })
  subject!: object;

  @Column({ type: 'jsonb', default: '{}' })
  data!: object;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;
}
