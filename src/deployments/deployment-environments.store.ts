import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { Database } from '../database/database.js';

/** A deployment at one environment, as far as that environment is concerned. */
export interface PlacedDeployment {
  id: string;
  version: string;
  commit_sha: string;
  deployed_by: string | null;
  actor: Actor;
  /** Texts, as they come out of JSON. */
  started_at: string | null;
  completed_at: string | null;
}

export interface EnvironmentStatus {
  repository_id: string;
  environment: string;
  current: PlacedDeployment | null;
  in_progress: PlacedDeployment[];
}

/** Where a page of environments ended. */
export type EnvironmentPlace = Pick<EnvironmentStatus, 'repository_id' | 'environment'>;

const MOST_UNDER_WAY = 20;
const PLACED = `jsonb_build_object('id', d.id, 'version', d.version, 'commit_sha', d.commit_sha,
  'deployed_by', d.deployed_by, 'actor', d.actor, 'started_at', d.started_at, 'completed_at', d.completed_at)`;

/** What is where: queries over the environments of repositories. */
@Injectable()
export class DeploymentEnvironmentsStore {
  constructor(private readonly database: Database) {}

  /**
   * What is at each environment: the last success there that was not rolled back, and what is under way. By repository
   * and name; one more than the limit, to tell whether there are more.
   */
  findStatus(
    organizationId: string,
    { repository_id, environment }: { repository_id: string | null; environment: string | null },
    after: EnvironmentPlace | null,
    limit: number,
  ): Promise<EnvironmentStatus[]> {
    return this.database.query<EnvironmentStatus>(
      `select e.repository_id, e.environment, current.deployment as current,
         coalesce(under_way.deployments, '[]') as in_progress
       from (
         select repository_id, environment from deployment_environments
         where organization_id = $1 and ($2::uuid is null or repository_id = $2)
           and ($3::text is null or environment = $3)
           and ($4::uuid is null or (repository_id, environment) > ($4, $5))
         order by repository_id, environment limit $6
       ) e
       left join lateral (
         select ${PLACED} as deployment from deployments d
         where d.repository_id = e.repository_id and d.environment = e.environment and d.status = 'success'
         order by d.completed_at desc, d.id desc limit 1
       ) current on true
       left join lateral (
         select jsonb_agg(deployment) as deployments from (
           select ${PLACED} as deployment from deployments d
           where d.repository_id = e.repository_id and d.environment = e.environment and d.status = 'in_progress'
           order by d.started_at desc, d.id desc limit ${String(MOST_UNDER_WAY)}
         ) one
       ) under_way on true
       order by e.repository_id, e.environment`,
      [organizationId, repository_id, environment, after?.repository_id ?? null, after?.environment ?? null, limit + 1],
    );
  }
}
