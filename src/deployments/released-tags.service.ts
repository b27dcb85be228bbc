import { Injectable } from '@nestjs/common';
import type { Mend } from '../git/git-time.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import { TagsService, type Tag } from '../git/tags.service.js';
import type { Repository } from '../repositories/repositories.service.js';
import type { DeploymentView } from './deployment-view.js';
import { VersionNotFound, VersionWithoutCommit } from './deployments.errors.js';
import { environmentOf } from './release-environment.js';
import { byVersion, placeTime, tagId, versionKey, type VersionPlace } from './version-order.js';

/** What a version leads to. */
export interface Version {
  commit_sha: string;
  /** The tag it is; null for the id of a commit. */
  tag: Tag | null;
}

/** A tag as a deployment, with its place in the lists. */
export interface TagDeployment {
  view: DeploymentView;
  place: VersionPlace;
}

const PATIENCE: Patience = { first_ms: 2000, fresh_ms: 1500 };
const SHA = /^[0-9a-f]{40}$/;

/** Tags of repositories: versions that may be deployed. Names are compared with what git lists, never handed to it. */
@Injectable()
export class ReleasedTags {
  /** What was made of the tags of a mirror, while they are the same. */
  private readonly deployments = new WeakMap<readonly Tag[], readonly TagDeployment[]>();

  constructor(
    private readonly mirrors: MirrorsService,
    private readonly tags: TagsService,
  ) {}

  /** The mirror, looked after anew if `fresh`. Throws MirrorNotReady, GitNotHere, or what the first fetch failed with. */
  open(repositoryId: string, fresh: boolean): Promise<string> {
    this.mirrors.assertHere();
    return fresh ? this.mirrors.open(repositoryId, PATIENCE) : this.mirrors.locate(repositoryId);
  }

  /** What mends a mirror that is found damaged. */
  mending(repositoryId: string): Mend {
    return this.mirrors.mending(repositoryId);
  }

  /** All tags of a repository in its mirror, newest version first. Throws GitFailed. */
  async of(repository: Repository, directory: string, signal: AbortSignal): Promise<readonly TagDeployment[]> {
    const tags = await this.tags.list(directory, signal);
    const known = this.deployments.get(tags);
    if (known !== undefined) return known;
    const made = tags.map((tag) => deploymentOf(repository.id, tag)).sort((a, b) => byVersion(a.place, b.place));
    this.deployments.set(tags, made);
    return made;
  }

  /**
   * What a tag, or the whole id of a commit, leads to; an id is that commit's alone, as git has it. Throws
   * VersionNotFound, naming the `field`, VersionWithoutCommit and GitFailed.
   */
  async resolve(
    directory: string,
    version: string,
    { field, signal }: { field: string; signal: AbortSignal },
  ): Promise<Version> {
    if (SHA.test(version)) {
      if (await this.tags.isCommit(directory, version, signal)) return { commit_sha: version, tag: null };
      throw new VersionNotFound(field);
    }
    const tag = await this.tags.find(directory, version, signal);
    if (tag === null) throw new VersionNotFound(field);
    if (tag.commit_sha === null) throw new VersionWithoutCommit();
    return { commit_sha: tag.commit_sha, tag };
  }
}

/** What a tag tells of itself, and nothing more. */
export function deploymentOf(repository_id: string, { name, commit_sha, at, tagger }: Tag): TagDeployment {
  const id = tagId(repository_id, name, commit_sha);
  return {
    view: {
      id,
      repository_id,
      version: name,
      commit_sha,
      environment: environmentOf(name),
      status: 'recorded',
      source: 'tag',
      deployed_by: tagger,
      actor: null,
      pull_request_number: null,
      notes: null,
      promoted_from: null,
      released_at: at,
      created_at: at,
      updated_at: null,
      started_at: null,
      completed_at: null,
      rolled_back_at: null,
    },
    place: { at: placeTime(at), key: versionKey(name), id },
  };
}
