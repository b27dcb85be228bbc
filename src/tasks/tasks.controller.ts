import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Patch, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { liftDeadline } from '../http/deadline.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { IfMatch } from '../http/if-match.js';
import { PageOf, type Page } from '../http/page.js';
import { Problems, ProblemsWith } from '../http/problems.decorator.js';
import { socketClosed } from '../http/socket-closed.js';
import { ExplanationDto } from './explain.dto.js';
import { ExplainService } from './explain.service.js';
import { TaskDto } from './task.dto.js';
import { CreateTaskDto } from './create-task.dto.js';
import { TaskCreation } from './task-creation.service.js';
import { TaskLists } from './task-lists.service.js';
import { TaskWatch } from './task-watch.service.js';
import { CancelTaskDto, PatchTaskDto, TaskQuery, TasksQuery } from './tasks.dto.js';
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
    private readonly lists: TaskLists,
    private readonly watch: TaskWatch,
    private readonly explanations: ExplainService,
  ) {}

  /** Create a task. It is queued once nothing it depends on is in its way, and given to the first worker that may take it. */
  @Post()
  @Allow('tasks.create')
  @Idempotent()
  @ApiCreatedResponse({ type: TaskDto })
  @Problems('queue/too-many-lanes')
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateTaskDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    const task = TaskDto.from(await this.creation.create(principal, body));
    response.setHeader('Location', `/api/v1/tasks/${task.id}`);
    return withETag(response, task);
  }

  /** List tasks. Newest first, or the pending ones in the order of the queue. */
  @Get()
  @Allow('tasks.read')
  @ApiOkResponse({ type: PageOf(TaskDto) })
  list(@CurrentPrincipal() principal: Principal, @Query() query: TasksQuery): Promise<Page<TaskDto>> {
    return this.lists.list(principal, query, (task) => TaskDto.from(task));
  }

  /**
   * Read a task. Its `ETag` is what `If-Match` takes. With `wait_seconds` the answer comes when the task has come to its
   * end, or when the time is over: 200 with the task either way.
   */
  @Get(':id')
  @Allow('tasks.read')
  @ApiIdParam('id', 'Id of the task.')
  @ApiOkResponse({ type: TaskDto })
  async get(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() { wait_seconds }: TaskQuery,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    // Only who waits may take longer than everybody else.
    if (wait_seconds > 0) liftDeadline(request);
    const task =
      wait_seconds > 0
        ? await this.watch.untilFinal(principal, id, wait_seconds, socketClosed(request))
        : await this.tasks.find(principal, id);
    return withETag(response, TaskDto.from(task));
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
  @ProblemsWith({ 409: ['task/not-editable', 'queue/too-many-lanes'], 412: ['task/changed'] })
  async update(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: PatchTaskDto,
    @IfMatch() version: number | null,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskDto> {
    return withETag(response, TaskDto.from(await this.tasks.patch(principal, id, body, version)));
  }

  /**
   * Delete a task with its executions and logs. Refused while it runs, and while tasks that have not begun depend on it.
   * Entries of logs, which nobody can read any more, leave the database within minutes.
   */
  @Delete(':id')
  @Allow('tasks.delete')
  @ApiIdParam('id', 'Id of the task.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It is gone.' })
  @Problems('task/running', 'task/needed')
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

  /**
   * Begin a task anew that has failed, was cancelled or skipped. Its retries count from zero. It is blocked again where a
   * task it depends on has not completed.
   */
  @Post(':id/retry')
  @Allow('tasks.update')
  @ApiIdParam('id', 'Id of the task.')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: TaskDto })
  @Problems('task/not-retryable', 'task/budget-used-up')
  async retry(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<TaskDto> {
    return TaskDto.from(await this.tasks.retry(principal, id));
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
