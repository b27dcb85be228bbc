import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { ExecutionsService } from '../executions/executions.service.js';
import { BranchesService, type Branch } from '../git/branches.service.js';
import { factsOf } from '../git/commit-facts.js';
import type { CommitObject } from '../git/commit-object.js';
import { CommitsService } from '../git/commits.service.js';
import { DivergencesService, type Divergence } from '../git/divergences.service.js';
import { withinGitTime } from '../git/git-time.js';
import { GitFailed, RefNotFound } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import { refNameOf } from '../git/ref-name.js';
import { brokenCursor, type Page } from '../http/page.js';
import { cut } from '../repositories/cut-text.js';
import { RepositoriesService } from '../repositories/repositories.service.js';

const PATIENCE: Patience = { first_ms: 2000, fresh_ms: 1500 };
/** What a page waits for how its branches have parted from the default one. */
const DIVERGENCE_MS = 700;
const MAX_SUBJECT = 1000;

export interface BranchesRequest {
  q?: string;
  limit: number;
  cursor?: string;
}

/** A branch as it is shown. */
export interface BranchView {
  name: string;
  is_default: boolean;
  commit: CommitObject;
  subject: string;
  divergence: Divergence | null;
  owner: { execution_id: string; task_id: string; status: string } | null;
}

/** One page of branches. */
export interface Branches extends Page<BranchView> {
  /** Whether figures that are missing are being counted. */
  counting: boolean;
}

/** The branches of a repository, and whose they are. */
@Injectable()
export class RepositoryBranches {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly executions: ExecutionsService,
    private readonly mirrors: MirrorsService,
    private readonly branches: BranchesService,
    private readonly commits: CommitsService,
    private readonly parted: DivergencesService,
  ) {}

  /**
   * By the bytes of their names; ends its git processes when `gone` is aborted. Throws InvalidInput for a broken cursor,
   * RepositoryNotFound, GitNotHere, MirrorNotReady and GitFailed.
   */
  async list(principal: Principal, id: string, request: BranchesRequest, gone: AbortSignal): Promise<Branches> {
    const after = readCursor(request.cursor);
    const repository = await this.repositories.get(principal, id);
    const default_branch = repository.default_branch ?? 'main';
    const work = async (signal: AbortSignal): Promise<Branches> => {
      const directory = after === null ? await this.mirrors.open(id, PATIENCE) : await this.mirrors.locate(id);
      const found = await this.find(directory, after, request, signal);
      const shown = found.slice(0, request.limit);
      const commits = await this.commits.read(
        directory,
        shown.map(({ sha }) => sha),
        signal,
      );
      const names = shown.map(({ name }) => refNameOf(name));
      const [{ divergences, counting }, owners] = await Promise.all([
        this.divergences(directory, shown, default_branch, signal),
        this.executions.findByBranches(organizationOf(principal), id, names),
      ]);
      const ownerOf = new Map(owners.map((owner) => [owner.branch, owner]));
      const items = shown.map((_, at): BranchView => {
        const [name = '', commit] = [names[at], commits[at]];
        if (commit === undefined) throw new GitFailed('damaged');
        return {
          name,
          is_default: name === default_branch,
          commit,
          subject: cut(factsOf(commit.message).subject, MAX_SUBJECT),
          divergence: divergences[at] ?? null,
          owner: ownerOf.get(name) ?? null,
        };
      });
      const last = found.length > request.limit ? shown.at(-1) : undefined;
      return { items, next_cursor: last === undefined ? null : last.name.toString('base64url'), counting };
    };
    return withinGitTime(gone, work, this.mirrors.mending(id));
  }

  /** One more than the page has room for, if there are. */
  private async find(
    directory: string,
    after: Buffer | null,
    { q, limit }: BranchesRequest,
    signal: AbortSignal,
  ): Promise<Branch[]> {
    const wanted = q?.toLowerCase();
    const found: Branch[] = [];
    const all = await this.branches.list(directory, signal);
    for (let at = after === null ? 0 : firstAfter(all, after); at < all.length && found.length <= limit; at += 1) {
      const branch = all[at];
      if (branch === undefined) break;
      if (wanted === undefined || refNameOf(branch.name).toLowerCase().includes(wanted)) found.push(branch);
    }
    return found;
  }

  /** How far each has parted from the default branch; null for those that there was no time for yet. */
  private async divergences(
    directory: string,
    branches: readonly Branch[],
    default_branch: string,
    signal: AbortSignal,
  ): Promise<{ divergences: (Divergence | null)[]; counting: boolean }> {
    const base = await this.defaultHead(directory, default_branch, signal);
    if (base === null) return { divergences: branches.map(() => null), counting: false };
    const shas = branches.map(({ sha }) => sha);
    const { found, counting } = await this.parted.of(directory, base, shas, signal, DIVERGENCE_MS);
    return { divergences: shas.map((sha) => found.get(sha) ?? null), counting };
  }

  private async defaultHead(directory: string, name: string, signal: AbortSignal): Promise<string | null> {
    try {
      return await this.commits.resolve(directory, `refs/heads/${name}`, signal);
    } catch (error) {
      if (error instanceof RefNotFound) return null;
      throw error;
    }
  }
}

/** Index of the first branch whose name comes after the one given, which need not be there. */
function firstAfter(branches: readonly Branch[], name: Buffer): number {
  let [low, high] = [0, branches.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = branches[middle];
    if (found !== undefined && Buffer.compare(found.name, name) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Names of branches are bytes, so that their cursor is another than that of rows. */
function readCursor(cursor: string | undefined): Buffer | null {
  if (cursor === undefined) return null;
  const name = Buffer.from(cursor, 'base64url');
  if (name.length === 0 || name.toString('base64url') !== cursor) throw brokenCursor();
  return name;
}
