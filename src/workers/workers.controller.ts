import { Body, Controller, Get, HttpStatus, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, AlsoFor, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { VERSION } from '../version.js';
import { WorkerStatsDto } from './worker-controls.dto.js';
import { WorkerDto } from './worker.dto.js';
import { RegisterWorkerDto, RegistrationDto, WorkersQuery } from './workers.dto.js';
import { MIN_PROTOCOL, PROTOCOL, WorkersService } from './workers.service.js';

@ApiTags('Workers')
@Controller('workers')
export class WorkersController {
  constructor(
    private readonly workers: WorkersService,
    private readonly config: QueueConfig,
  ) {}

  /**
   * Register a worker
   *
   * It gets a token of its own; 200 instead of 201 says that it has come back. A join token registers one too, with the
   * labels it was given, and a worker's own token that worker again: its present token stays good until the new one has
   * come back in the same way, as an answer may get lost. A coordinator's token registers workers of its own.
   */
  @Post()
  @Allow('workers.register')
  @AlsoFor('join', 'worker', 'coordinator')
  @NotIdempotent()
  @ApiCreatedResponse({ type: RegistrationDto })
  @ApiOkResponse({ type: RegistrationDto, description: 'The worker has come back.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'worker/scope-not-allowed', 'worker/only-itself', 'worker/not-its-coordinator'],
    404: ['coordinator/not-found'],
    409: ['worker/name-taken', 'coordinator/draining'],
    426: ['worker/protocol-too-old'],
  })
  async register(
    @CurrentPrincipal() principal: Principal,
    @Body() body: RegisterWorkerDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RegistrationDto> {
    const { worker, token, created } = await this.workers.register(principal, body.toRegistration());
    response.status(created ? HttpStatus.CREATED : HttpStatus.OK);
    response.setHeader('Location', `/api/v1/workers/${worker.id}`);
    return {
      worker: WorkerDto.from(worker),
      token,
      protocol: PROTOCOL,
      min_protocol: MIN_PROTOCOL,
      server_version: VERSION,
      heartbeat_seconds: this.config.heartbeat_seconds,
      lease_seconds: this.config.lease_seconds,
      log_batch: this.config.log_batch,
    };
  }

  /** List the workers of the organization and of the instance, the last registered first. */
  @Get()
  @Allow('workers.read')
  @ApiOkResponse({ type: PageOf(WorkerDto) })
  list(@CurrentPrincipal() principal: Principal, @Query() query: WorkersQuery): Promise<Page<WorkerDto>> {
    return this.workers.list(principal, query, (worker) => WorkerDto.from(worker));
  }

  /** Count the workers of the organization and of the instance by their health. */
  @Get('stats')
  @Allow('workers.read')
  @ApiOkResponse({ type: WorkerStatsDto })
  stats(@CurrentPrincipal() principal: Principal): Promise<WorkerStatsDto> {
    return this.workers.stats(principal);
  }

  /** Read a worker. */
  @Get(':id')
  @Allow('workers.read')
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: WorkerDto })
  async get(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<WorkerDto> {
    return WorkerDto.from(await this.workers.find(principal, id));
  }
}
