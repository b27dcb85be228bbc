import { Body, Controller, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { PageOf, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { assertLaunchable, CreateAgentDto, PatchAgentDto } from './agent-input.dto.js';
import { AgentDto, AgentOverviewDto, AgentsQuery } from './agents.dto.js';
import { AgentsService } from './agents.service.js';

const ApiAgentParam = (): MethodDecorator =>
  ApiParam({ name: 'id', description: 'Id of the agent.', example: 'codegen-agent' });

@ApiTags('Agents')
@Controller('agents')
export class AgentsController {
  constructor(private readonly agents: AgentsService) {}

  /** List the agents of the catalogue in its order, then those of the organization, with true figures of their executions. */
  @Get()
  @Allow('agents.read')
  @ApiOkResponse({ type: PageOf(AgentDto) })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: AgentsQuery): Promise<Page<AgentDto>> {
    const { agents, next_cursor } = await this.agents.list(principal, query);
    return { items: agents.map((agent) => AgentDto.from(agent)), next_cursor };
  }

  /**
   * Make an agent of the organization's own. Its id is its type with `-agent` behind it. Only owners and admins, and keys
   * they have made, say how it is launched.
   */
  @Post()
  @Allow('agents.manage')
  @Idempotent()
  @ApiCreatedResponse({ type: AgentDto })
  @ProblemsWith({ 403: ['agent/launch-for-managers'], 409: ['agent/taken', 'agent/too-many'] })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateAgentDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<AgentDto> {
    assertLaunchable(body.launch);
    const agent = AgentDto.from(await this.agents.create(principal, body));
    response.setHeader('Location', `/api/v1/agents/${agent.id}`);
    return agent;
  }

  /** Count the agents by layer and by category, with what they do. The built-in ones are not among them. */
  @Get('overview')
  @Allow('agents.read')
  @ApiOkResponse({ type: AgentOverviewDto })
  async overview(@CurrentPrincipal() principal: Principal): Promise<AgentOverviewDto> {
    return AgentOverviewDto.from(await this.agents.overview(principal));
  }

  /** Read one agent. */
  @Get(':id')
  @Allow('agents.read')
  @ApiAgentParam()
  @ApiOkResponse({ type: AgentDto })
  async get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<AgentDto> {
    return AgentDto.from(await this.agents.find(principal, id));
  }

  /**
   * Change what the organization says of an agent. Absent fields stay, null leaves it to the catalogue. Tasks of an agent
   * that is switched off wait; what runs goes on. A limit holds for claims that begin after it was set. Only owners and
   * admins, and keys they have made, change how it is launched.
   */
  @Patch(':id')
  @Allow('agents.manage')
  @ApiAgentParam()
  @ApiOkResponse({ type: AgentDto })
  @ProblemsWith({ 403: ['agent/launch-for-managers'], 409: ['agent/of-catalogue', 'agent/built-in'] })
  async update(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: PatchAgentDto,
  ): Promise<AgentDto> {
    assertLaunchable(body.launch);
    return AgentDto.from(await this.agents.patch(principal, id, body));
  }
}
