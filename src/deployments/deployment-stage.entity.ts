import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';

/** That a deployment had succeeded in an environment before it was promoted to the next: it is still there. */
@Entity('deployment_stages')
@Index('deployment_stages_current_idx', ['repository_id', 'environment', 'completed_at'])
export class DeploymentStage {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'deployment_stages_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @Index('deployment_stages_deployment_id_idx')
  @ForeignKey('Deployment', { name: 'deployment_stages_deployment_id_fkey', onDelete: 'CASCADE' })
  deployment_id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Repository', { name: 'deployment_stages_repository_id_fkey', onDelete: 'CASCADE' })
  repository_id!: string;

  @Column({ type: 'text' })
  environment!: string;

  @Column({ type: 'jsonb' })
  actor!: Actor;

  @Column({ type: 'text', nullable: true })
  deployed_by!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  started_at!: Date | null;

  @Column({ type: 'timestamptz' })
  completed_at!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  promoted_at!: Date;
}
