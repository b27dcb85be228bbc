import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { Problems } from '../http/problems.decorator.js';
import { TaskDto } from '../tasks/task.dto.js';
import { CompleteTaskDto, FailTaskDto } from './outside-work.dto.js';
import { OutsideWorkService } from './outside-work.service.js';

@ApiTags('Tasks')
@Controller('tasks')
export class OutsideWorkController {
  constructor(private readonly work: OutsideWorkService) {}

  /**
   * Begin a pending task outside of the fleet. No worker gets it; its time limit ends it, unless you complete or fail it
   * before. A cancellation ends it at once.
   */
  @Post(':id/start')
  @Allow('tasks.update')
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: TaskDto })
  @Problems('task/not-pending', 'task/waits-for-key')
  async start(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<TaskDto> {
    return TaskDto.from(await this.work.start(principal, id));
  }

  /** Complete a task that was begun outside of the fleet. What a worker runs is finished by its worker alone. */
  @Post(':id/complete')
  @Allow('tasks.update')
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: TaskDto })
  @Problems('task/not-running', 'task/held-by-worker', 'execution/lease-lost')
  async complete(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: CompleteTaskDto,
  ): Promise<TaskDto> {
    return TaskDto.from(await this.work.end(principal, id, body.toReport(), body.execution_id));
  }

  /** Fail a task that was begun outside of the fleet. With retries left it goes back to the queue, for any worker. */
  @Post(':id/fail')
  @Allow('tasks.update')
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: TaskDto })
  @Problems('task/not-running', 'task/held-by-worker', 'execution/lease-lost')
  async fail(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: FailTaskDto,
  ): Promise<TaskDto> {
    return TaskDto.from(await this.work.end(principal, id, body.toReport(), body.execution_id));
  }
}
