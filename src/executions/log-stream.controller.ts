import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Waits } from '../http/deadline.interceptor.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { ApiEventStream, LastEventId } from '../http/last-event-id.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { ExecutionLogEntryDto, LogStreamQuery } from './executions.dto.js';
import { LogStreams } from './log-streams.service.js';

@ApiTags('Executions')
@Controller('executions')
export class LogStreamController {
  constructor(
    private readonly logs: LogStreams,
    private readonly streams: OpenStreams,
  ) {}

  /**
   * Follow the log of an execution, as server-sent events. What is stored comes first, then what is said from now on;
   * `end` follows when the execution has ended and all was sent, at once for one that is finished.
   */
  @Get(':id/logs/stream')
  @Allow('tasks.read')
  @Waits()
  @ApiIdParam('id', 'Id of the execution.')
  @ApiEventStream('id: 0\ndata: {"seq":0,"level":"info","stream":"stdout","message":"All 12 tests passed."}\n\n')
  async logStream(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: LogStreamQuery,
    @LastEventId() lastEventId: string | null,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const follower = await this.logs.follow(principal, id, query.from(lastEventId));
    const organization_id = organizationOf(principal);
    const position = () => follower.position;
    const stream = this.streams.serve(request, response, { demand: 'tasks.read', organization_id, position });
    const end = await follower.sendTo({
      closed: stream.closed,
      send: (rows) =>
        stream.send(
          rows
            .map((row) => `id: ${String(row.seq)}\ndata: ${JSON.stringify(ExecutionLogEntryDto.from(row))}\n\n`)
            .join(''),
        ),
    });
    if (end !== null) stream.end(end);
  }
}
