import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { Actor } from '../auth/principal.js';
import type { DeploymentStatus } from './deployment.states.js';

/** A version of a repository on its way to an environment, as somebody has told. Tags alone are in no table. */
@Entity('deployments')
@Index('deployments_page_idx', ['organization_id', 'released_at', 'version_key', 'id'])
@Index('deployments_repository_page_idx', ['repository_id', 'released_at', 'version_key', 'id'])
@Index('deployments_name_idx', ['repository_id', 'version_key', 'created_at'])
@Index('deployments_version_idx', ['repository_id', 'commit_sha'])
@Index('deployments_current_idx', ['repository_id', 'environment', 'completed_at', 'id'], {
  where: `status = 'success'`,
})
@Index('deployments_under_way_idx', ['repository_id', 'environment', 'started_at', 'id'], {
  where: `status = 'in_progress'`,
})
@Index('deployments_promoted_from_idx', ['promoted_from'])
@Check('deployments_status_check', `status in ('recorded', 'in_progress', 'success', 'failed', 'rolled_back')`)
@Check('deployments_source_check', `source in ('api', 'github')`)
@Check('deployments_pull_request_number_check', 'pull_request_number > 0')
export class Deployment {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'deployments_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Organization', { name: 'deployments_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Repository', { name: 'deployments_repository_id_fkey', onDelete: 'CASCADE' })
  repository_id!: string;

  /** A tag, or the id of a commit. */
  @Column({ type: 'text' })
  version!: string;

  /** The commit as it was when this was recorded: a tag may be moved. */
  @Column({ type: 'text' })
  commit_sha!: string;

  @Column({ type: 'text' })
  environment!: string;

  @Column({ type: 'text' })
  status!: DeploymentStatus;

  @Column({ type: 'text' })
  source!: 'api' | 'github';

  /** Who recorded it, or promoted it to where it is. */
  @Column({ type: 'jsonb' })
  actor!: Actor;

  @Column({ type: 'text', nullable: true })
  deployed_by!: string | null;

  @Column({ type: 'integer', nullable: true })
  pull_request_number!: number | null;

  @Column({ type: 'text', nullable: true })
  notes!: string | null;

  /** The one that has stayed in the environment which this one was promoted from. */
  @Column({ type: 'uuid', nullable: true })
  @ForeignKey('Deployment', { name: 'deployments_promoted_from_fkey', onDelete: 'SET NULL' })
  promoted_from!: string | null;

  /** When the version was made: its place in the lists. */
  @Column({ type: 'timestamptz' })
  released_at!: Date;

  /** Tells versions of one instant apart. */
  @Column({ type: 'bytea' })
  version_key!: Buffer;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updated_at!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  started_at!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  completed_at!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  rolled_back_at!: Date | null;
}
