import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';

/** While it is there, no claim begins anything of the organization. */
@Entity('fleet_pauses')
export class FleetPause {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'fleet_pauses_pkey' })
  @ForeignKey('Organization', { name: 'fleet_pauses_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @Column({ type: 'text', nullable: true })
  note!: string | null;

  @Column({ type: 'jsonb' })
  paused_by!: Actor;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  paused_at!: Date;
}
