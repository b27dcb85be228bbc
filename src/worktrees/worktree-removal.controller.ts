import { Body, Controller, Delete, HttpCode, HttpStatus, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ClientGone } from '../http/client-gone.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { CleanUpWorktreesDto, CleanupDto } from './cleanup.dto.js';
import { Cleanups } from './cleanups.service.js';
import { Removals } from './removals.service.js';
import { RemoveWorktreeQuery, WorktreeDto } from './worktrees.dto.js';

@ApiTags('Worktrees')
@Controller('worktrees')
export class WorktreeRemovalController {
  constructor(
    private readonly removals: Removals,
    private readonly cleanups: Cleanups,
  ) {}

  /**
   * Remove a worktree
   *
   * A linked one is gone when this answers 204; its branch stays. A checkout is removed by its worker: 202, until the
   * inventory of that worker lists it no more. What holds work that is nowhere else is refused, naming what would be lost,
   * unless `force` is true; a repository inside of it is such, also where git does not look because a .gitignore says so. A
   * locked one, one in which an execution runs, and one in which another work tree, a registered repository or this server
   * itself lies, or something is mounted, is refused in any case; one in which a process of this machine works, only
   * without `force`.
   */
  @Delete(':id')
  @Allow('worktrees.manage')
  @ApiIdParam('id', 'Id of the worktree.')
  @ProblemsWith({
    404: ['worktree/not-found'],
    409: [
      'worktree/holds-work',
      'worktree/in-use',
      'worktree/unread',
      'worktree/worker-gone',
      'worktree/busy',
      'worktree/not-removable',
      'git/failed',
    ],
  })
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiAcceptedResponse({ type: WorktreeDto, description: 'Its worker is asked to remove it.' })
  async remove(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() { force }: RemoveWorktreeQuery,
    @ClientGone() gone: AbortSignal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<WorktreeDto | undefined> {
    const waits = await this.removals.remove(principal, id, { force: force === 'true' }, gone);
    if (waits === null) return undefined;
    response.status(HttpStatus.ACCEPTED);
    return WorktreeDto.from(waits);
  }

  /**
   * Clean up worktrees
   *
   * Looks at one page of the list, decides for each worktree whether it may go, says why, and has it go unless it is a dry
   * run. Nothing goes that is locked, in use, used a short while ago, or that holds work which is nowhere else.
   */
  @Post('cleanup')
  @Allow('worktrees.manage')
  @ProblemsWith({ 400: ['worktree/too-many-repositories'], 404: ['repository/not-found'], 409: ['git/failed'] })
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: CleanupDto })
  async cleanUp(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CleanUpWorktreesDto,
    @ClientGone() gone: AbortSignal,
  ): Promise<CleanupDto> {
    return CleanupDto.from(await this.cleanups.run(principal, body, gone));
  }
}
