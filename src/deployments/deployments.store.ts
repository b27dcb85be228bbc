import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime } from '../http/page.js';
import type { Deployment } from './deployment.entity.js';
import { versionKey, type VersionPlace } from './version-order.js';

/** A row with its place in the lists. */
export type DeploymentRow = Omit<Deployment, 'version_key'> & { place_at: string; place_key: string };

/** What is written when a deployment is recorded. `version_key` in hexadecimal digits; a null `released_at` is now. */
export type NewDeployment = Pick<
  Deployment,
  | 'id'
  | 'organization_id'
  | 'repository_id'
  | 'version'
  | 'commit_sha'
  | 'environment'
  | 'source'
  | 'actor'
  | 'deployed_by'
  | 'pull_request_number'
  | 'notes'
> & { released_at: string | null; version_key: string };

/** What of a deployment is to become. Undefined stays; a time is now or nothing. */
export interface DeploymentUpdate {
  environment?: string;
  status?: Deployment['status'];
  actor?: Deployment['actor'];
  deployed_by?: string | null;
  pull_request_number?: number | null;
  notes?: string | null;
  promoted_from?: string | null;
  started_at?: 'now' | null;
  completed_at?: 'now' | null;
  rolled_back_at?: 'now' | null;
}

export interface DeploymentFilter {
  organization_id: string;
  repository_id: string | null;
  environment: string | null;
  status: readonly string[] | null;
  after: VersionPlace | null;
}

const COLUMNS = `id, organization_id, repository_id, version, commit_sha, environment, status, source, actor, deployed_by,
  pull_request_number, notes, promoted_from, released_at, created_at, updated_at, started_at, completed_at, rolled_back_at,
  ${cursorTime('released_at')} as place_at, encode(version_key, 'hex') as place_key`;

const SETTABLE = [
  'environment',
  'status',
  'actor',
  'deployed_by',
  'pull_request_number',
  'notes',
  'promoted_from',
] as const;
const STAMPS = ['started_at', 'completed_at', 'rolled_back_at'] as const;

/** Every query on recorded deployments. */
@Injectable()
export class DeploymentsStore {
  constructor(private readonly database: Database) {}

  findOwn(organizationId: string, id: string): Promise<DeploymentRow | null> {
    return this.database.one(`select ${COLUMNS} from deployments where id = $2 and organization_id = $1`, [
      organizationId,
      id,
    ]);
  }

  lock(organizationId: string, id: string): Promise<DeploymentRow | null> {
    return this.database.one(`select ${COLUMNS} from deployments where id = $2 and organization_id = $1 for update`, [
      organizationId,
      id,
    ]);
  }

  /** Newest version first; one more than the limit, to tell whether there are more. */
  findPage({ organization_id, repository_id, environment, status, after }: DeploymentFilter, limit: number) {
    return this.database.query<DeploymentRow>(
      `select ${COLUMNS} from deployments
       where organization_id = $1 and ($2::uuid is null or repository_id = $2)
         and ($3::text is null or environment = $3) and ($4::text[] is null or status = any ($4))
         and ($5::timestamptz is null or (released_at, version_key, id) < ($5, decode($6, 'hex'), $7::uuid))
       order by released_at desc, version_key desc, id desc limit $8`,
      [
        organization_id,
        repository_id,
        environment,
        status,
        after?.at ?? null,
        after?.key ?? null,
        after?.id ?? null,
        limit + 1,
      ],
    );
  }

  /** Which of some commits of repositories are recorded as deployed under which version. */
  findVersions(
    repositoryIds: readonly string[],
    commits: readonly string[],
  ): Promise<Pick<Deployment, 'repository_id' | 'version' | 'commit_sha'>[]> {
    return this.database.query(
      `select distinct repository_id, version, commit_sha from deployments
       where repository_id = any ($1::uuid[]) and commit_sha = any ($2::text[])`,
      [repositoryIds, commits],
    );
  }

  /** The commit that was recorded last under this version; null when it never was. */
  async findCommitOf(repositoryId: string, version: string): Promise<string | null> {
    const found = await this.database.one<{ commit_sha: string }>(
      `select commit_sha from deployments where repository_id = $1 and version_key = decode($2, 'hex') and version = $3
       order by created_at desc limit 1`,
      [repositoryId, versionKey(version), version],
    );
    return found?.commit_sha ?? null;
  }

  /** Null when the id is taken. */
  async insert(row: NewDeployment): Promise<DeploymentRow | null> {
    await this.addEnvironment(row.organization_id, row.repository_id, row.environment);
    return this.database.one<DeploymentRow>(
      `insert into deployments (id, organization_id, repository_id, version, commit_sha, environment, status, source, actor,
         deployed_by, pull_request_number, notes, released_at, version_key)
       values ($1, $2, $3, $4, $5, $6, 'recorded', $7, $8::jsonb, $9, $10, $11, coalesce($12::timestamptz, now()),
         decode($13, 'hex'))
       on conflict (id) do nothing returning ${COLUMNS}`,
      [
        row.id,
        row.organization_id,
        row.repository_id,
        row.version,
        row.commit_sha,
        row.environment,
        row.source,
        JSON.stringify(row.actor),
        row.deployed_by,
        row.pull_request_number,
        row.notes,
        row.released_at,
        row.version_key,
      ],
    );
  }

  /** Leaves a deployment that is promoted where it is, as one of its own. */
  async leave({ id: promoted, organization_id }: DeploymentRow, id: string): Promise<void> {
    await this.database.query(
      `insert into deployments (id, organization_id, repository_id, version, commit_sha, environment, status, source, actor,
         deployed_by, pull_request_number, notes, promoted_from, released_at, version_key, created_at, started_at, completed_at)
       select $1, organization_id, repository_id, version, commit_sha, environment, status, source, actor, deployed_by,
         pull_request_number, notes, promoted_from, released_at, version_key, created_at, started_at, completed_at
       from deployments where id = $2 and organization_id = $3`,
      [id, promoted, organization_id],
    );
  }

  async update(row: DeploymentRow, changes: DeploymentUpdate): Promise<DeploymentRow> {
    if (changes.environment !== undefined)
      await this.addEnvironment(row.organization_id, row.repository_id, changes.environment);
    const given = SETTABLE.filter((column) => changes[column] !== undefined);
    const sets = [
      ...given.map((column, at) => `${column} = $${String(at + 2)}${column === 'actor' ? '::jsonb' : ''}`),
      ...STAMPS.filter((column) => changes[column] !== undefined).map(
        (column) => `${column} = ${changes[column] === null ? 'null' : 'now()'}`,
      ),
      'updated_at = now()',
    ];
    const values = given.map((column) => (column === 'actor' ? JSON.stringify(changes.actor) : changes[column]));
    const updated = await this.database.one<DeploymentRow>(
      `update deployments set ${sets.join(', ')} where id = $1 returning ${COLUMNS}`,
      [row.id, ...values],
    );
    if (updated === null) throw new Error('a deployment that was locked is gone');
    return updated;
  }

  private async addEnvironment(organizationId: string, repositoryId: string, environment: string): Promise<void> {
    await this.database.query(
      `insert into deployment_environments (organization_id, repository_id, environment) values ($1, $2, $3)
       on conflict do nothing`,
      [organizationId, repositoryId, environment],
    );
  }
}
