import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

export const REPOSITORY_STATUSES = ['ready', 'syncing', 'error'] as const;

export type RepositoryStatus = (typeof REPOSITORY_STATUSES)[number];

/** A registered Git repository of an organization. */
@Entity('repositories')
@Unique('repositories_organization_id_source_key_key', ['organization_id', 'source_key'])
@Index('repositories_page_idx', ['organization_id', 'created_at', 'id'])
@Index('repositories_refresh_idx', ['refresh_at'])
@Index('repositories_credentials_idx', ['credentials_key_id', 'id'], { where: 'credentials_key_id is not null' })
@Index('repositories_syncing_idx', ['created_at'], { where: `status = 'syncing'` })
@Index('repositories_max_running_idx', ['id'], { where: 'max_running is not null' })
@Check('repositories_max_running_check', 'max_running > 0')
@Check('repositories_status_check', `status in ('ready', 'syncing', 'error')`)
@Check('repositories_source_check', 'num_nonnulls(clone_url, local_path) = 1')
@Check('repositories_credentials_check', 'num_nonnulls(sealed_credentials, credentials_key_id) <> 1')
export class Repository {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'repositories_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Organization', { name: 'repositories_organization_id_fkey', onDelete: 'CASCADE' })
  organization_id!: string;

  /** `owner/name` where the repository is on GitHub. */
  @Column({ type: 'text', nullable: true })
  full_name!: string | null;

  @Column({ type: 'text', nullable: true })
  clone_url!: string | null;

  @Column({ type: 'text', nullable: true })
  local_path!: string | null;

  @Column({ type: 'text' })
  source_key!: string;

  /** Null until somebody or the first sync has told. */
  @Column({ type: 'text', nullable: true })
  default_branch!: string | null;

  /** Whether somebody chose it; else it follows the source. */
  @Column({ type: 'boolean', default: false })
  default_branch_chosen!: boolean;

  @Column({ type: 'text', default: 'syncing' })
  status!: RepositoryStatus;

  @Column({ type: 'text', nullable: true })
  last_error!: string | null;

  /** What is to be said of what was fetched. */
  @Column({ type: 'text', nullable: true })
  notice!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  last_synced_at!: Date | null;

  /** When its mirror was last found damaged and made anew. */
  @Column({ type: 'timestamptz', nullable: true })
  mirror_rebuilt_at!: Date | null;

  /** Branches of executions that could not be read any more then; as many as an event tells. */
  @Column({ type: 'text', array: true, default: '{}' })
  lost_branches!: string[];

  /** When it is fetched next without anybody's asking. */
  @Column({ type: 'timestamptz', default: () => 'now()' })
  refresh_at!: Date;

  @Column({ type: 'text', nullable: true })
  default_agent_type!: string | null;

  /** How many of its tasks the fleet runs at a time; null for no limit. */
  @Column({ type: 'integer', nullable: true })
  max_running!: number | null;

  @Column({ type: 'boolean', default: false })
  auto_pr!: boolean;

  /** What its host is to be told when it asks who fetches, encrypted. */
  @Column({ type: 'text', nullable: true })
  sealed_credentials!: string | null;

  @Column({ type: 'text', nullable: true })
  credentials_key_id!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  created_at!: Date;
}
