import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ClientGone } from '../http/client-gone.js';
import type { Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { CommitDto, CommitPage, CommitPath, CommitQuery, CommitsQuery, WholeCommitDto } from './commits.dto.js';
import { RepositoryPath } from './repositories.dto.js';
import { RepositoryCommits } from './repository-commits.service.js';

@ApiTags('Repositories')
@Controller('repositories')
export class CommitsController {
  constructor(private readonly commits: RepositoryCommits) {}

  /**
   * List the commits of a repository, newest first
   *
   * A page costs the same wherever it is in the history. A filter that matches little may answer a short page with a
   * `next_cursor`: go on with it. An empty repository has no commits; a failure of Git is an error with its cause.
   */
  @Get(':id/commits')
  @Allow('repositories.read')
  @ProblemsWith({ 404: ['repository/not-found', 'git/ref-not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: CommitPage, description: 'One page of commits.' })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: RepositoryPath,
    @Query() query: CommitsQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<Page<CommitDto>> {
    const { items, next_cursor } = await this.commits.list(principal, id, query, gone);
    return { items: items.map((commit) => CommitDto.from(commit)), next_cursor };
  }

  /**
   * Read a commit and what it has changed
   *
   * The diff is that against the first parent, of a merge too: what it brought to where it was merged into.
   */
  @Get(':id/commits/:sha')
  @Allow('repositories.read')
  @ProblemsWith({ 404: ['repository/not-found', 'git/ref-not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: WholeCommitDto, description: 'The commit.' })
  async get(
    @CurrentPrincipal() principal: Principal,
    @Param() { id, sha }: CommitPath,
    @Query() { path }: CommitQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<WholeCommitDto> {
    return WholeCommitDto.from(await this.commits.find(principal, id, sha, path, gone));
  }
}
