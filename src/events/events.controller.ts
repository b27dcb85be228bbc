import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Waits } from '../http/deadline.interceptor.js';
import { ApiEventStream, LastEventId } from '../http/last-event-id.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { socketClosed } from '../http/socket-closed.js';
import { EventFeeds } from './event-feeds.service.js';
import { EventDto, EventsPage, EventsQuery, EventStreamQuery } from './events.dto.js';
import { EventsService } from './events.service.js';

@ApiTags('Events')
@Controller('events')
export class EventsController {
  constructor(
    private readonly events: EventsService,
    private readonly feeds: EventFeeds,
    private readonly streams: OpenStreams,
  ) {}

  /** Events of the organization in their order. Ask again with `after` set to `next_cursor` for those that follow. */
  @Get()
  @Allow('events.read')
  @ApiOkResponse({ type: EventsPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: EventsQuery): Promise<EventsPage> {
    const rows = await this.events.findAfter({
      organization_id: organizationOf(principal),
      after: query.after ?? '0',
      types: query.types ?? null,
      task_id: query.task_id ?? null,
      limit: query.limit,
    });
    return { items: rows.map((row) => EventDto.from(row)), next_cursor: rows.at(-1)?.position ?? query.after ?? '0' };
  }

  /**
   * Follow events as they happen, as server-sent events. Who comes again with `Last-Event-ID` misses nothing. Beside
   * them, events named `live` tell how executions get on; they have no id, and may be left out.
   */
  @Get('stream')
  @Allow('events.read')
  @Waits()
  @ApiEventStream('id: 1025\ndata: {"id":"1025","type":"task.completed"}\n\n')
  async stream(
    @CurrentPrincipal() principal: Principal,
    @Query() { after, types, task_id }: EventStreamQuery,
    @LastEventId() lastEventId: string | null,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const organization_id = organizationOf(principal);
    const reader = await this.feeds.follow(
      {
        organization_id,
        after: lastEventId ?? after ?? null,
        types: types === undefined ? null : new Set(types),
        task_id: task_id ?? null,
      },
      socketClosed(request),
    );
    const position = () => reader.cursor;
    const stream = this.streams.serve(request, response, { demand: 'events.read', organization_id, position });
    for (;;) {
      const batch = await reader.next();
      if (batch === null || stream.closed.aborted) return;
      await stream.send(Buffer.concat([...batch.frames, ...batch.live].map(({ event }) => event)));
    }
  }
}
