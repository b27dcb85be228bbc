import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { withinGitTime } from '../git/git-time.js';
import { pageBy, type Page } from '../http/page.js';
import { RepositoriesService, type Repository } from '../repositories/repositories.service.js';
import type { DeploymentView } from './deployment-view.js';
import type { DeploymentStatus } from './deployment.states.js';
import { TooManyRepositories } from './deployments.errors.js';
import { DeploymentsStore, type DeploymentRow } from './deployments.store.js';
import { ReleasedTags, type TagDeployment } from './released-tags.service.js';
import { byVersion, placeParts, readPlace, type VersionPlace } from './version-order.js';

export interface DeploymentListInput {
  repository_id?: string;
  environment?: string;
  status?: DeploymentStatus[];
  limit: number;
  cursor?: string;
}

interface Listed {
  view: DeploymentView;
  place: VersionPlace;
}

const MAX_REPOSITORIES = 20;
/** How many tags are looked up at once among the recorded ones. */
const TAG_BATCH = 500;

/** Tags and recorded deployments as one list. */
@Injectable()
export class DeploymentLists {
  constructor(
    private readonly store: DeploymentsStore,
    private readonly tags: ReleasedTags,
    private readonly repositories: RepositoriesService,
  ) {}

  /**
   * Newest version first. A tag that is recorded as deployed is listed as that says, as often as it was deployed. Throws
   * InvalidInput for a broken cursor, RepositoryNotFound, TooManyRepositories, GitNotHere, MirrorNotReady and GitFailed.
   */
  async list<T>(
    principal: Principal,
    input: DeploymentListInput,
    gone: AbortSignal,
    present: (view: DeploymentView) => T,
  ): Promise<Page<T>> {
    const after = readPlace(input.cursor);
    const repositories = await this.repositories.forLogs(principal, input.repository_id, MAX_REPOSITORIES + 1);
    if (repositories.length > MAX_REPOSITORIES) throw new TooManyRepositories(MAX_REPOSITORIES);
    const [only, ...more] = repositories;
    const mend = this.tags.mending(more.length === 0 ? only?.id : undefined);
    const tags = await withinGitTime(gone, (signal) => this.tags.ofAll(repositories, after === null, signal), mend);
    const rows = await this.store.findPage(
      {
        organization_id: organizationOf(principal),
        repository_id: input.repository_id ?? null,
        environment: input.environment ?? null,
        status: input.status ?? null,
        after,
      },
      input.limit,
    );
    const wanted = tags
      .filter(({ view, place }) => isWanted(view, input) && (after === null || byVersion(after, place) < 0))
      .sort((one, other) => byVersion(one.place, other.place));
    const alone = await this.unrecorded(repositories, wanted, input.limit + 1);
    const listed = [...rows.map(listedRow), ...alone].sort((one, other) => byVersion(one.place, other.place));
    return pageBy(
      listed,
      input.limit,
      ({ view }) => present(view),
      ({ place }) => placeParts(place),
    );
  }

  /** The first tags that nobody has recorded. */
  private async unrecorded(
    repositories: readonly Repository[],
    tags: readonly TagDeployment[],
    limit: number,
  ): Promise<TagDeployment[]> {
    const found: TagDeployment[] = [];
    const ids = repositories.map(({ id }) => id);
    for (let at = 0; at < tags.length && found.length < limit; at += TAG_BATCH) {
      const batch = tags.slice(at, at + TAG_BATCH);
      const commits = new Set(batch.flatMap(({ view }) => view.commit_sha ?? []));
      const known = new Set((await this.store.findVersions(ids, [...commits])).map(nameOf));
      found.push(...batch.filter(({ view }) => !known.has(nameOf(view))));
    }
    return found;
  }
}

const nameOf = (one: Pick<DeploymentView, 'repository_id' | 'commit_sha' | 'version'>): string =>
  [one.repository_id, one.commit_sha, one.version].join('\0');

const isWanted = (view: DeploymentView, { environment, status }: DeploymentListInput): boolean =>
  (environment === undefined || view.environment === environment) &&
  (status === undefined || status.includes(view.status));

const listedRow = (row: DeploymentRow): Listed => ({
  view: row,
  place: { at: row.place_at, key: row.place_key, id: row.id },
});
