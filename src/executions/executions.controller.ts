import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, type Page } from '../http/page.js';
import { ExecutionDto } from './execution.dto.js';
import { ExecutionsQuery, ExecutionLogEntryDto, LogsPage, LogsQuery } from './executions.dto.js';
import { ExecutionsService } from './executions.service.js';

@ApiTags('Executions')
@Controller('executions')
export class ExecutionsController {
  constructor(private readonly executions: ExecutionsService) {}

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
