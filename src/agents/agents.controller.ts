import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { PageOf, type Page } from '../http/page.js';
import { AgentDto, AgentsQuery } from './agents.dto.js';
import { AgentsService } from './agents.service.js';

@ApiTags('Agents')
@Controller('agents')
export class AgentsController {
  constructor(private readonly agents: AgentsService) {}

  /** List the agents of the catalogue in its order, with true figures of their executions. */
  @Get()
  @Allow('agents.read')
  @ApiOkResponse({ type: PageOf(AgentDto) })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: AgentsQuery): Promise<Page<AgentDto>> {
    const { agents, next_cursor } = await this.agents.list(principal, query);
    return { items: agents.map((agent) => AgentDto.from(agent)), next_cursor };
  }

  /** Read one agent. */
  @Get(':id')
  @Allow('agents.read')
  @ApiParam({ name: 'id', description: 'Id of the agent.', example: 'codegen-agent' })
  @ApiOkResponse({ type: AgentDto })
  async get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<AgentDto> {
    return AgentDto.from(await this.agents.find(principal, id));
  }
}
