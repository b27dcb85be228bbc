import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ExecutionDiffQuery } from '../executions/execution-diff.dto.js';
import { ClientGone } from '../http/client-gone.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Additions } from './additions.service.js';
import { WorktreeDiffDto } from './worktree-diff.dto.js';
import { WorktreeDiffs } from './worktree-diffs.service.js';
import { WorktreeLists } from './worktree-lists.service.js';
import { AddWorktreeDto, WorktreeDto, WorktreePage, WorktreesQuery } from './worktrees.dto.js';

@ApiTags('Worktrees')
@Controller('worktrees')
export class WorktreesController {
  constructor(
    private readonly lists: WorktreeLists,
    private readonly diffs: WorktreeDiffs,
    private readonly additions: Additions,
  ) {}

  /**
   * List worktrees, newest first
   *
   * The linked work trees of repositories on the server's disk, as they are at this moment, and the checkouts that workers
   * keep, as these told last. A repository that cannot be read is named under `unread`; the one that was asked for is an
   * error. The 20 newest repositories are visited each time; of others the list has what was known when they last were, and
   * those that a page has nothing of are named under `unread`, too.
   */
  @Get()
  @Allow('worktrees.read')
  @ProblemsWith({ 400: ['worktree/too-many-repositories'], 404: ['repository/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: WorktreePage })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: WorktreesQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<WorktreePage> {
    return WorktreePage.from(await this.lists.list(principal, query, gone));
  }

  /**
   * Add a linked work tree to a repository on the server's disk
   *
   * The server chooses where, below the directory that the repository lies in. No hook and no filter of the repository
   * runs: files are as they were committed. While many files are being checked out, the worktree is locked.
   */
  @Post()
  @Allow('worktrees.manage')
  @Idempotent('beside')
  @ProblemsWith({
    404: ['repository/not-found', 'git/ref-not-found', 'worktree/not-found'],
    409: ['worktree/branch-in-use', 'worktree/repository-elsewhere', 'worktree/no-place', 'git/failed'],
  })
  @ApiCreatedResponse({ type: WorktreeDto, description: 'Added.' })
  async add(
    @CurrentPrincipal() principal: Principal,
    @Body() body: AddWorktreeDto,
    @ClientGone() gone: AbortSignal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<WorktreeDto> {
    const worktree = await this.additions.add(principal, body, gone);
    response.location(`/api/v1/worktrees/${worktree.id}`);
    return WorktreeDto.from(worktree);
  }

  /** Read a worktree */
  @Get(':id')
  @Allow('worktrees.read')
  @ApiIdParam('id', 'Id of the worktree.')
  @ProblemsWith({ 404: ['worktree/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: WorktreeDto })
  async get(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @ClientGone() gone: AbortSignal,
  ): Promise<WorktreeDto> {
    return WorktreeDto.from(await this.lists.find(principal, id, gone));
  }

  /**
   * Read what is committed in a worktree and not in the default branch
   *
   * Of a checkout on the disk of a worker: what its execution has pushed, or what its worker saw in it while an agent works,
   * with what is in no commit yet.
   */
  @Get(':id/diff')
  @Allow('worktrees.read')
  @ApiIdParam('id', 'Id of the worktree.')
  @ProblemsWith({
    404: ['worktree/not-found', 'execution/commit-gone'],
    409: ['worktree/not-pushed', 'worktree/nothing-committed', 'git/failed'],
  })
  @ApiOkResponse({ type: WorktreeDiffDto })
  async diff(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() { path }: ExecutionDiffQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<WorktreeDiffDto> {
    return WorktreeDiffDto.from(await this.diffs.find(principal, id, path, gone));
  }
}
