import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, AllowCoordinator, AlsoFor, CurrentCoordinator, CurrentPrincipal } from '../auth/access.js';
import type { CoordinatorPrincipal, Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { WorkerDto } from '../workers/worker.dto.js';
import { CoordinatorSampleDto, CoordinatorSamplesQuery } from './coordinator-metrics.dto.js';
import { CoordinatorReads } from './coordinator-reads.service.js';
import { CoordinatorDto } from './coordinator.dto.js';
import {
  CoordinatorHeartbeatDto,
  CoordinatorReceiptDto,
  CoordinatorRegistrationDto,
  CoordinatorsQuery,
  DrainCoordinatorDto,
  RegisterCoordinatorDto,
  UpdateCoordinatorDto,
} from './coordinators.dto.js';
import { CoordinatorsService } from './coordinators.service.js';

const FOREIGN = { 403: ['auth/forbidden', 'coordinator/of-the-instance'] };

@ApiTags('Coordinators')
@Controller('coordinators')
export class CoordinatorsController {
  constructor(
    private readonly coordinators: CoordinatorsService,
    private readonly reads: CoordinatorReads,
    private readonly config: QueueConfig,
  ) {}

  /**
   * Register a coordinator
   *
   * It gets a token of its own, which may send its heartbeats, drain it, and register workers that belong to it. 200 instead
   * of 201 says that it has come back; then it has the workers it had, and its earlier token is refused. A join token for
   * coordinators registers one too, whose workers get its labels, and a coordinator's own token that coordinator again: its
   * present token stays good until the new one has come back in the same way, as an answer may get lost.
   */
  @Post()
  @Allow('coordinators.register')
  @AlsoFor('host_join', 'coordinator')
  @NotIdempotent()
  @ApiCreatedResponse({ type: CoordinatorRegistrationDto })
  @ApiOkResponse({ type: CoordinatorRegistrationDto, description: 'The coordinator has come back.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'coordinator/scope-not-allowed'], 409: ['coordinator/name-taken'] })
  async register(
    @CurrentPrincipal() principal: Principal,
    @Body() body: RegisterCoordinatorDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CoordinatorRegistrationDto> {
    const { coordinator, token, created } = await this.coordinators.register(principal, body.toRegistration());
    response.status(created ? HttpStatus.CREATED : HttpStatus.OK);
    response.setHeader('Location', `/api/v1/coordinators/${coordinator.id}`);
    return { coordinator: CoordinatorDto.from(coordinator), token, heartbeat_seconds: this.config.heartbeat_seconds };
  }

  /** Send a sign of life with the usage of the host, which is kept for a while. */
  @Post(':id/heartbeat')
  @AllowCoordinator()
  @HttpCode(HttpStatus.OK)
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiOkResponse({ type: CoordinatorReceiptDto })
  heartbeat(
    @CurrentCoordinator() coordinator: CoordinatorPrincipal,
    @Body() { metrics }: CoordinatorHeartbeatDto,
  ): Promise<CoordinatorReceiptDto> {
    return this.reads.beat(coordinator, metrics ?? null);
  }

  /**
   * Have a coordinator and its workers finish and stop
   *
   * Its workers end what they run and take no more; then they are `stopped`, and so is it. Its own token may do this as
   * well. Coordinators of the instance are managed by its administrator alone, here and below.
   */
  @Post(':id/drain')
  @Allow('coordinators.manage')
  @AlsoFor('coordinator')
  @HttpCode(HttpStatus.OK)
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiOkResponse({ type: CoordinatorDto })
  @ProblemsWith(FOREIGN)
  async drain(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() { note = null }: DrainCoordinatorDto,
  ): Promise<CoordinatorDto> {
    return CoordinatorDto.from(await this.coordinators.drain(principal, id, note));
  }

  /** List the coordinators of the organization and of the instance, the last registered first. */
  @Get()
  @Allow('coordinators.read')
  @ApiOkResponse({ type: PageOf(CoordinatorDto) })
  list(@CurrentPrincipal() principal: Principal, @Query() query: CoordinatorsQuery): Promise<Page<CoordinatorDto>> {
    return this.reads.list(principal, query, (coordinator) => CoordinatorDto.from(coordinator));
  }

  /** Read a coordinator. */
  @Get(':id')
  @Allow('coordinators.read')
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiOkResponse({ type: CoordinatorDto })
  async get(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<CoordinatorDto> {
    return CoordinatorDto.from(await this.reads.find(principal, id));
  }

  /** List the workers of a coordinator, the last registered first. */
  @Get(':id/workers')
  @Allow('coordinators.read')
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiOkResponse({ type: PageOf(WorkerDto) })
  workers(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: PageQuery,
  ): Promise<Page<WorkerDto>> {
    return this.reads.workers(principal, id, query, (worker) => WorkerDto.from(worker));
  }

  /** List what a coordinator reported of its host, the latest first. It is kept for a week unless configured otherwise. */
  @Get(':id/metrics')
  @Allow('coordinators.read')
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiOkResponse({ type: PageOf(CoordinatorSampleDto) })
  metrics(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Query() query: CoordinatorSamplesQuery,
  ): Promise<Page<CoordinatorSampleDto>> {
    return this.reads.samples(principal, id, query, (sample) => CoordinatorSampleDto.from(sample));
  }

  /** Change the name, the capacity or the labels of a coordinator. */
  @Patch(':id')
  @Allow('coordinators.manage')
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiOkResponse({ type: CoordinatorDto })
  @ProblemsWith({ ...FOREIGN, 409: ['coordinator/name-taken'] })
  async update(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() body: UpdateCoordinatorDto,
  ): Promise<CoordinatorDto> {
    return CoordinatorDto.from(await this.coordinators.update(principal, id, { ...body }));
  }

  /**
   * Delete a coordinator
   *
   * Its token is refused from now on, and its process ends in order, with the workers that it started. To the server these
   * are workers like any other then: they go on until they are ended, and belong to no coordinator.
   */
  @Delete(':id')
  @Allow('coordinators.manage')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiIdParam('id', 'Id of the coordinator.')
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ProblemsWith(FOREIGN)
  async delete(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<void> {
    await this.coordinators.delete(principal, id);
  }
}
