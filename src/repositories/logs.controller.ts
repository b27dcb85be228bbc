import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import type { Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { ClientGone } from '../http/client-gone.js';
import { LogEntryDto, LogEntryPage, LogsQuery } from './logs.dto.js';
import { LogsService } from './logs.service.js';

@ApiTags('Logs')
@Controller('logs')
export class LogsController {
  constructor(private readonly logs: LogsService) {}

  /**
   * List commits as log entries, newest first
   *
   * Commits of all branches, those that workers pushed included. A filter that matches little may answer a short
   * page with a `next_cursor`: go on with it. Without `repository_id`, repositories that were never fetched are left
   * out; a failure of Git is an error with its cause, never an empty list. Among several repositories it says in which
   * one, as `repository_id`: `without` leaves that one out.
   */
  @Get()
  @Allow('repositories.read')
  @ProblemsWith({ 404: ['repository/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: LogEntryPage, description: 'One page of log entries.' })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: LogsQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<Page<LogEntryDto>> {
    const { items, next_cursor } = await this.logs.list(principal, query, gone);
    return { items: items.map((entry) => LogEntryDto.from(entry)), next_cursor };
  }
}
