import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Patch, Post, Query, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { IfMatch } from '../http/if-match.js';
import { PageOf, type Page } from '../http/page.js';
import { Problems, ProblemsWith } from '../http/problems.decorator.js';
import { ExplanationDto } from './explain.dto.js';
import { ExplainService } from './explain.service.js';
import { TaskDto } from './task.dto.js';
import { CancelTaskDto, CreateTaskDto, PatchTaskDto, TasksQuery } from './tasks.dto.js';
import { TaskCreation } from './task-creation.service.js';
import { TasksService } from './tasks.service.js';

const withETag = (response: Response, task: TaskDto): TaskDto => {
  response.setHeader('ETag', `"${String(task.version)}"`);
  return task;
};

@ApiTags('Tasks')
@Controller('tasks')
export class TasksController {
  constructor(
    private readonly tasks: TasksService,
    private readonly creation: TaskCreation,
    private readonly explanations: ExplainService,
  ) {}

  /** Create a task. It is queued at once and given to the first worker that may take it. */
  @Post()
  @Allow('tasks.create')
  @Idempotent()
  @ApiCreatedResponse({ type: TaskDto })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateTaskDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    const task = TaskDto.from(await this.creation.create(principal, body));
    response.setHeader('Location', `/api/v1/tasks/${task.id}`);
    return withETag(response, task);
  }

  /** List tasks, newest first. */
  @Get()
  @Allow('tasks.read')
  @ApiOkResponse({ type: PageOf(TaskDto) })
  list(@CurrentPrincipal() principal: Principal, @Query() query: TasksQuery): Promise<Page<TaskDto>> {
    return this.tasks.list(principal, query, (task) => TaskDto.from(task));
  }

  /** Read a task. Its `ETag` is what `If-Match` takes. */
  @Get(':id')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: TaskDto })
  async get(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    return withETag(response, TaskDto.from(await this.tasks.find(principal, id)));
  }

  /** Change a task that is not finished. Absent fields stay; a status cannot be set. */
  @Patch(':id')
  @Allow('tasks.update')
  @ApiIdParam('id', 'Id of the task.')
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the version the change is meant for.',
    example: '"1"',
  })
  @ApiOkResponse({ type: TaskDto })
  @ProblemsWith({ 409: ['task/not-editable'], 412: ['task/changed'] })
  async update(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: PatchTaskDto,
    @IfMatch() version: number | null,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    return withETag(response, TaskDto.from(await this.tasks.patch(principal, id, body, version)));
  }

  /** Delete a task with its executions and logs. Refused while it runs. */
  @Delete(':id')
  @Allow('tasks.delete')
  @ApiIdParam('id', 'Id of the task.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It is gone.' })
  @Problems('task/running')
  async delete(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<void> {
    await this.tasks.remove(principal, id);
  }

  /** Cancel a task. What waits is cancelled at once (200); what runs is ended by its worker (202). */
  @Post(':id/cancel')
  @Allow('tasks.update')
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: TaskDto })
  @ApiAcceptedResponse({ type: TaskDto, description: 'Its worker has been asked to end it.' })
  @Problems('task/final')
  async cancel(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: CancelTaskDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    const task = await this.tasks.cancel(principal, id, body.reason ?? null);
    response.status(task.status === 'running' ? HttpStatus.ACCEPTED : HttpStatus.OK);
    return TaskDto.from(task);
  }

  /** Explain why a task is not running: every demand that nothing meets, and its place in the queue. */
  @Get(':id/explain')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: ExplanationDto })
  explain(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<ExplanationDto> {
    return this.explanations.explain(principal, id);
  }
}
