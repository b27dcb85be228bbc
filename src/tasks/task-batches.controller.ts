import { Body, Controller, Get, HttpCode, HttpStatus, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { Problems } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { CreatedTasksDto, CreateTasksDto } from './create-task.dto.js';
import { TaskActionDto, TaskActionReceiptDto } from './task-actions.dto.js';
import { TaskActions } from './task-actions.service.js';
import { TaskCreation } from './task-creation.service.js';
import { TaskStatsDto, TaskStatsQuery } from './task-stats.dto.js';
import { TaskStatsService } from './task-stats.service.js';
import { TaskDto } from './task.dto.js';

/** Many tasks at once. */
@ApiTags('Tasks')
@Controller('tasks')
export class TaskBatchesController {
  constructor(
    private readonly creation: TaskCreation,
    private readonly actions: TaskActions,
    private readonly stats: TaskStatsService,
  ) {}

  /**
   * Create up to 1000 tasks together. All of them or none; `depends_on` may name the `ref` of others of the batch. A
   * fault names its task by its index, such as `tasks[3].name`. Bodies up to 8 MiB.
   */
  @Post('bulk')
  @Allow('tasks.create')
  @Idempotent()
  @ApiCreatedResponse({ type: CreatedTasksDto })
  @Problems('task/dependency-cycle', 'queue/too-many-lanes')
  async createAll(@CurrentPrincipal() principal: Principal, @Body() body: CreateTasksDto): Promise<CreatedTasksDto> {
    const tasks = await this.creation.createAll(principal, body.tasks);
    return { items: tasks.map((task) => TaskDto.from(task)) };
  }

  /**
   * Cancel, retry, delete or give another priority to many tasks. Each is changed or refused by itself, the oldest first;
   * `more` says that there are further ones. To delete needs `tasks.delete` as well.
   */
  @Post('actions')
  @Allow('tasks.update')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: TaskActionReceiptDto })
  act(@CurrentPrincipal() principal: Principal, @Body() body: TaskActionDto): Promise<TaskActionReceiptDto> {
    return this.actions.act(principal, body);
  }

  /** Count tasks by their status. The figures are kept with every change, so that asking costs the same whatever they are. */
  @Get('stats')
  @Allow('tasks.read')
  @ApiOkResponse({ type: TaskStatsDto })
  count(@CurrentPrincipal() principal: Principal, @Query() query: TaskStatsQuery): Promise<TaskStatsDto> {
    return this.stats.read(principal, query);
  }
}
