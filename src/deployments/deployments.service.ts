import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import type { EventType } from '../events/event-types.js';
import { EventsService } from '../events/events.service.js';
import { withinGitTime } from '../git/git-time.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { newId } from '../ids.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { changeOf, type DeploymentPatch } from './deployment-change.js';
import type { DeploymentView } from './deployment-view.js';
import type { DeploymentStatus } from './deployment.states.js';
import { DeploymentNotFound, VersionWithoutCommit } from './deployments.errors.js';
import { DeploymentsStore, type DeploymentRow, type NewDeployment } from './deployments.store.js';
import { ReleasedTags, type TagDeployment } from './released-tags.service.js';
import { environmentOf } from './release-environment.js';
import { isTagId, mayBeTagOf, placeTime, tagId, versionKey } from './version-order.js';

export interface DeploymentInput {
  repository_id: string;
  version: string;
  environment?: string;
  status?: Exclude<DeploymentStatus, 'rolled_back'>;
  deployed_by?: string;
  pull_request_number?: number;
  notes?: string;
}

/** Versions on their way to their environments, as somebody tells; a tag alone is one that nobody has told of yet. */
@Injectable()
export class DeploymentsService {
  constructor(
    private readonly store: DeploymentsStore,
    private readonly tags: ReleasedTags,
    private readonly repositories: RepositoriesService,
    private readonly events: EventsService,
    private readonly database: Database,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Throws DeploymentNotFound, and for tags what git failed with. */
  async get(principal: Principal, id: string, gone: AbortSignal): Promise<DeploymentView> {
    const row = await this.store.findOwn(organizationOf(principal), id);
    return row ?? this.findTag(principal, id, gone);
  }

  /**
   * Records that a version is, was or is to be deployed. Throws RepositoryNotFound, VersionNotFound,
   * VersionWithoutCommit, and what git failed with.
   */
  async record(principal: Principal, input: DeploymentInput, gone: AbortSignal): Promise<DeploymentView> {
    const organization_id = organizationOf(principal);
    const before = this.idempotency.madeBefore;
    const known = before === null ? null : await this.store.findOwn(organization_id, before);
    if (known !== null) return known;
    const { id: repository_id } = await this.repositories.get(principal, input.repository_id);
    const { commit_sha, tag } = await withinGitTime(
      gone,
      async (signal) =>
        this.tags.resolve(await this.tags.open(repository_id, true), input.version, { field: 'version', signal }),
      this.tags.mending(repository_id),
    );
    const row: NewDeployment = {
      // The first one has the id that the tag had before anybody told of it.
      id: tag === null ? newId() : tagId(repository_id, input.version, commit_sha),
      organization_id,
      repository_id,
      version: input.version,
      commit_sha,
      environment: input.environment ?? environmentOf(input.version),
      source: 'api',
      actor: principal.actor,
      deployed_by: input.deployed_by ?? principal.actor.login,
      pull_request_number: input.pull_request_number ?? null,
      notes: input.notes ?? null,
      released_at: tag && placeTime(tag.at),
      version_key: versionKey(input.version),
    };
    return this.database.transaction(async () => {
      const recorded = (await this.store.insert(row)) ?? (await this.store.insert({ ...row, id: newId() }));
      if (recorded === null) throw new Error('a deployment was not recorded');
      await this.idempotency.making(recorded.id);
      await this.tell(['deployment.recorded'], recorded, principal);
      return this.apply(principal, recorded, { status: input.status });
    });
  }

  /**
   * Changes a deployment; a tag alone is recorded by that. Throws DeploymentNotFound, DeploymentNotMovable,
   * DeploymentNotPromotable, VersionWithoutCommit, and for tags what git failed with.
   */
  async change(principal: Principal, id: string, patch: DeploymentPatch, gone: AbortSignal): Promise<DeploymentView> {
    const organization_id = organizationOf(principal);
    const known = await this.store.findOwn(organization_id, id);
    const tag = known === null ? await this.findTag(principal, id, gone) : null;
    const nothing = Object.values(patch).every((value) => value === undefined);
    if (tag !== null && nothing) return tag;
    return this.database.transaction(async () => {
      if (tag !== null) {
        const recorded = await this.store.insert(rowOf(tag, organization_id, principal));
        if (recorded !== null) await this.tell(['deployment.recorded'], recorded, principal);
      }
      const row = await this.store.lock(organization_id, id);
      if (row === null) throw new DeploymentNotFound();
      return this.apply(principal, row, patch);
    });
  }

  private async apply(principal: Principal, row: DeploymentRow, patch: DeploymentPatch): Promise<DeploymentRow> {
    const change = changeOf(row, patch, principal.actor);
    if (change === null) return row;
    const left = change.leaves ? newId() : null;
    if (left !== null) await this.store.leave(row, left);
    const changed = await this.store.update(row, { ...change.update, ...(left !== null && { promoted_from: left }) });
    await this.tell(change.events, changed, principal, { environment: row.environment, left });
    return changed;
  }

  private async tell(
    types: readonly EventType[],
    row: DeploymentRow,
    principal: Principal,
    before: { environment: string; left: string | null } = { environment: row.environment, left: null },
  ): Promise<void> {
    const { id, organization_id, repository_id, version, commit_sha, environment, status } = row;
    const data = { version, commit_sha, environment, status };
    await this.events.record(
      ...types.map((type) => ({
        organization_id,
        type,
        actor: principal.actor,
        subject: { deployment_id: id, repository_id },
        data: type === 'deployment.promoted' ? { ...data, before: before.environment, left: before.left } : data,
      })),
    );
  }

  /** The tag that has this id while nobody has recorded it. */
  private async findTag(principal: Principal, id: string, gone: AbortSignal): Promise<DeploymentView> {
    const ids = isTagId(id) ? await this.repositories.idsOf(organizationOf(principal)) : [];
    for (const repositoryId of ids.filter((one) => mayBeTagOf(id, one))) {
      const repository = await this.repositories.get(principal, repositoryId);
      const mend = this.tags.mending(repositoryId);
      const list = async (signal: AbortSignal): Promise<readonly TagDeployment[]> =>
        this.tags.of(repository, await this.tags.open(repositoryId, true), signal);
      const tags = await withinGitTime(gone, list, mend);
      const found = tags.find(({ view }) => view.id === id);
      if (found !== undefined) return found.view;
    }
    throw new DeploymentNotFound();
  }
}

/** The tag as the first record of it. Throws VersionWithoutCommit. */
function rowOf(tag: DeploymentView, organization_id: string, { actor }: Principal): NewDeployment {
  const { id, repository_id, version, commit_sha, environment, released_at } = tag;
  if (commit_sha === null) throw new VersionWithoutCommit();
  return {
    ...{ id, organization_id, repository_id, version, commit_sha, environment, actor },
    source: 'api',
    deployed_by: actor.login,
    pull_request_number: null,
    notes: null,
    released_at: placeTime(released_at),
    version_key: versionKey(version),
  };
}
