import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ClientGone } from '../http/client-gone.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { ExecutionDiffDto, ExecutionDiffQuery } from './execution-diff.dto.js';
import { ExecutionDiffs } from './execution-diffs.service.js';
import { ExecutionDto } from './execution.dto.js';
import { ExecutionsQuery, ExecutionLogEntryDto, LogsPage, LogsQuery } from './executions.dto.js';
import { ExecutionsService } from './executions.service.js';

@ApiTags('Executions')
@Controller('executions')
export class ExecutionsController {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly diffs: ExecutionDiffs,
  ) {}

  /** List executions, newest first. */
  @Get()
  @Allow('tasks.read')
  @ApiOkResponse({ type: PageOf(ExecutionDto) })
  list(@CurrentPrincipal() principal: Principal, @Query() query: ExecutionsQuery): Promise<Page<ExecutionDto>> {
    return this.executions.list(principal, query, (execution) => ExecutionDto.from(execution));
  }

  /** Read an execution. */
  @Get(':id')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the execution.')
  @ApiOkResponse({ type: ExecutionDto })
  async get(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<ExecutionDto> {
    return ExecutionDto.from(await this.executions.find(principal, id));
  }

  /**
   * Read what an execution has changed in its repository
   *
   * From the commit that its work started from to the one it ended in. While it runs: to what its worker has seen in its
   * checkout, with what is in no commit yet, or to the commit pushed last where that is newer. Where the server keeps no
   * repositories, or has not fetched this one yet, the answer is 503.
   */
  @Get(':id/diff')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the execution.')
  @ProblemsWith({
    404: ['execution/not-found', 'execution/commit-gone'],
    409: ['execution/nothing-pushed', 'git/failed'],
  })
  @ApiOkResponse({ type: ExecutionDiffDto })
  async diff(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() { path }: ExecutionDiffQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<ExecutionDiffDto> {
    return ExecutionDiffDto.from(await this.diffs.find(principal, id, path, gone));
  }

  /** Read the log of an execution. Ask again with `after` set to `next_after` until `complete`, to follow it. */
  @Get(':id/logs')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the execution.')
  @ApiOkResponse({ type: LogsPage })
  async logs(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: LogsQuery,
  ): Promise<LogsPage> {
    const { rows, next_after, complete } = await this.executions.logs(principal, id, query);
    return { items: rows.map((row) => ExecutionLogEntryDto.from(row)), next_after, complete };
  }
}
