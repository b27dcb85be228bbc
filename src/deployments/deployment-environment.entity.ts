import { Entity, ForeignKey, Index, PrimaryColumn, Column } from 'typeorm';

/** That something of a repository was deployed, or was to be, to an environment. */
@Entity('deployment_environments')
@Index('deployment_environments_page_idx', ['organization_id', 'repository_id', 'environment'])
export class DeploymentEnvironment {
  @Column({ type: 'uuid' })
  @ForeignKey('Organization', { name: 'deployment_environments_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'deployment_environments_pkey' })
  @ForeignKey('Repository', { name: 'deployment_environments_repository_id_fkey', onDelete: 'CASCADE' })
  repository_id!: string;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'deployment_environments_pkey' })
  environment!: string;
}
