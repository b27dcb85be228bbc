import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { ClientGone } from '../http/client-gone.js';
import { LogEntryPage, LogsQuery } from './logs.dto.js';
import { LogsService } from './logs.service.js';

@ApiTags('Logs')
@Controller('logs')
export class LogsController {
  constructor(private readonly logs: LogsService) {}

  /**
   * List commits as log entries, newest first
   *
   * Commits of all branches, those that workers pushed included. A filter that matches little may answer a short
   * page with a `next_cursor`: go on with it. Of several repositories, those that cannot be read, that were never
   * fetched, or that there was no time for are named under `unread`. Of the one that was asked for, and where none can be
   * read, a failure of Git is an error with its cause, never an empty list.
   */
  @Get()
  @Allow('repositories.read')
  @ProblemsWith({ 400: ['logs/too-many-repositories'], 404: ['repository/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: LogEntryPage, description: 'One page of log entries.' })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: LogsQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<LogEntryPage> {
    return LogEntryPage.from(await this.logs.list(principal, query, gone));
  }
}
