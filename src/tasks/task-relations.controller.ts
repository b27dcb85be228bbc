import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { EventDto } from '../events/events.dto.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, PageQuery, type Page } from '../http/page.js';
import { Problems, ProblemsWith } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { DependenciesService } from './dependencies.service.js';
import { TaskHistory } from './task-history.service.js';
import { TaskDto } from './task.dto.js';
import { AddDependencyDto } from './tasks.dto.js';

/** Which task waits for which, and what has happened to one. */
@ApiTags('Tasks')
@Controller('tasks')
export class TaskRelationsController {
  constructor(
    private readonly dependencies: DependenciesService,
    private readonly history: TaskHistory,
  ) {}

  /** List the tasks a task waits for, or has waited for. In the order in which their branches are merged; all in one page. */
  @Get(':id/dependencies')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task that waits.')
  @ApiOkResponse({ type: PageOf(TaskDto) })
  async list(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<Page<TaskDto>> {
    const tasks = await this.dependencies.list(principal, id);
    return { items: tasks.map((task) => TaskDto.from(task)), next_cursor: null };
  }

  /**
   * Let a blocked or pending task wait for another one. The answer is the task that waits. A cycle is refused, and named
   * in `cycle`.
   */
  @Post(':id/dependencies')
  @Allow('tasks.update')
  @Idempotent()
  @ApiIdParam('id', 'Id of the task that is to wait.')
  @ApiCreatedResponse({ type: TaskDto })
  @Problems('task/dependency-cycle', 'task/dependency-exists', 'task/not-waiting', 'task/too-many-dependencies')
  async add(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: AddDependencyDto,
  ): Promise<TaskDto> {
    return TaskDto.from(await this.dependencies.add(principal, id, body.depends_on_task_id));
  }

  /** Let a blocked or pending task not wait for another one any more. */
  @Delete(':id/dependencies/:depends_on_id')
  @Allow('tasks.update')
  @ApiIdParam('id', 'Id of the task that waits.')
  @ApiIdParam('depends_on_id', 'Id of the task it waits for.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It does not wait for that one any more.' })
  @ProblemsWith({ 404: ['task/not-found', 'task/dependency-not-found'], 409: ['task/not-waiting'] })
  async remove(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @IdParam('depends_on_id') dependsOnId: string,
  ): Promise<void> {
    await this.dependencies.remove(principal, id, dependsOnId);
  }

  /** List the tasks that wait for a task, or have waited for it. The first created one first. */
  @Get(':id/dependents')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task they wait for.')
  @ApiOkResponse({ type: PageOf(TaskDto) })
  dependents(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: PageQuery,
  ): Promise<Page<TaskDto>> {
    return this.dependencies.dependents(principal, id, query, (task) => TaskDto.from(task));
  }

  /** List what has happened to a task, oldest first. */
  @Get(':id/events')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: PageOf(EventDto) })
  events(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: PageQuery,
  ): Promise<Page<EventDto>> {
    return this.history.list(principal, id, query, (event) => EventDto.from(event));
  }
}
