import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { EventDto, EventsPage, EventsQuery } from './events.dto.js';
import { EventsService } from './events.service.js';

@ApiTags('Events')
@Controller('events')
export class EventsController {
  constructor(private readonly events: EventsService) {}

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
}
