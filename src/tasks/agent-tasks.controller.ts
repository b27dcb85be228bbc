import { Body, Controller, Post, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { Problems } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { ExecuteAgentDto } from './execute-agent.dto.js';
import { TaskCreation } from './task-creation.service.js';
import { TaskDto } from './task.dto.js';

@ApiTags('Agents')
@Controller('agents')
export class AgentTasksController {
  constructor(private readonly creation: TaskCreation) {}

  /** Have an agent work on a repository: creates a task, with any field that a task may have. */
  @Post('execute')
  @Allow('agents.execute')
  @Idempotent()
  @ApiCreatedResponse({ type: TaskDto })
  @Problems('queue/too-many-lanes')
  async execute(
    @CurrentPrincipal() principal: Principal,
    @Body() body: ExecuteAgentDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    const task = TaskDto.from(await this.creation.create(principal, body.toInput()));
    response.setHeader('Location', `/api/v1/tasks/${task.id}`);
    response.setHeader('ETag', `"${String(task.version)}"`);
    return task;
  }
}
