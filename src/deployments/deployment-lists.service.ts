import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { withinGitTime } from '../git/git-time.js';
import { pageBy, type Page } from '../http/page.js';
import {
  MOST_REPOSITORIES,
  RepositoryReader,
  type Reading,
  type UnreadRepository,
} from '../repositories/repository-reader.service.js';
import type { DeploymentView } from './deployment-view.js';
import type { DeploymentStatus } from './deployment.states.js';
import { TooManyRepositories } from './deployments.errors.js';
import { DeploymentsStore, type DeploymentRow } from './deployments.store.js';
import { merged, take } from './merged.js';
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

/** One page of deployments, and the repositories whose tags are missing among them. */
export interface DeploymentList<T> extends Page<T> {
  unread: UnreadRepository[];
}

/** How many tags are looked up at once among the recorded ones. */
const TAG_BATCH = 500;

/** Tags and recorded deployments as one list. */
@Injectable()
export class DeploymentLists {
  constructor(
    private readonly store: DeploymentsStore,
    private readonly tags: ReleasedTags,
    private readonly reader: RepositoryReader,
  ) {}

  /**
   * Newest version first. A tag that is recorded as deployed is listed as that says, as often as it was deployed. Of
   * several repositories those whose tags cannot be read are named beside the list. Throws InvalidInput for a broken
   * cursor, RepositoryNotFound, TooManyRepositories, GitNotHere, and MirrorNotReady and GitFailed for the one that was
   * named.
   */
  async list<T>(
    principal: Principal,
    input: DeploymentListInput,
    gone: AbortSignal,
    present: (view: DeploymentView) => T,
  ): Promise<DeploymentList<T>> {
    const after = readPlace(input.cursor);
    const reading = await this.reader.choose(principal, input.repository_id);
    if (reading === null) throw new TooManyRepositories(MOST_REPOSITORIES);
    const tags = await this.tagsOf(reading, after === null, gone);
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
    const isNext = ({ view, place }: TagDeployment): boolean =>
      isWanted(view, input) && (after === null || byVersion(after, place) < 0);
    const wanted = merged(
      tags.map((some) => some.filter(isNext)),
      (one, other) => byVersion(one.place, other.place),
    );
    const ids = reading.repositories.map(({ id }) => id);
    const alone = await this.unrecorded(ids, wanted, input.limit + 1);
    const listed = [...rows.map(listedRow), ...alone].sort((one, other) => byVersion(one.place, other.place));
    const page = pageBy(
      listed,
      input.limit,
      ({ view }) => present(view),
      ({ place }) => placeParts(place),
    );
    return { ...page, unread: reading.told };
  }

  /** The tags of each repository that can be read, in their order. */
  private async tagsOf(reading: Reading, fresh: boolean, gone: AbortSignal): Promise<(readonly TagDeployment[])[]> {
    const found: (readonly TagDeployment[])[] = [];
    const [only] = reading.repositories;
    const work = (signal: AbortSignal): Promise<void> =>
      this.reader.each(reading, { fresh, signal }, async (repository, directory, ended) => {
        found.push(await this.tags.of(repository, directory, ended));
      });
    await withinGitTime(gone, work, reading.strict && only ? this.tags.mending(only.id) : undefined);
    return found;
  }

  /** The first tags that nobody has recorded. */
  private async unrecorded(
    ids: readonly string[],
    tags: Iterator<TagDeployment, void>,
    limit: number,
  ): Promise<TagDeployment[]> {
    const found: TagDeployment[] = [];
    for (let isOver = false; !isOver && found.length < limit;) {
      const batch = take(tags, TAG_BATCH);
      isOver = batch.length < TAG_BATCH;
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
