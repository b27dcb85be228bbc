import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { AllowWorker, CurrentWorker, Patient } from '../auth/access.js';
import type { WorkerPrincipal } from '../auth/principal.js';
import { Waits } from '../http/deadline.interceptor.js';
import { ApiIdParam } from '../http/id-param.js';
import { requestIdOf } from '../http/request-id.js';
import { socketClosed } from '../http/socket-closed.js';
import { ClaimsService } from './claims.service.js';
import { ExchangeDto, ExchangeReceiptDto } from './exchange.dto.js';
import { ExchangesService } from './exchanges.service.js';
import { HeartbeatDto, HeartbeatReceiptDto } from './heartbeat.dto.js';
import { HeartbeatsService } from './heartbeats.service.js';
import { ClaimDto, ClaimedExecutionDto, ClaimReceiptDto } from './protocol.dto.js';

@ApiTags('Worker protocol')
@Controller('workers')
export class ProtocolController {
  constructor(
    private readonly heartbeats: HeartbeatsService,
    private readonly claims: ClaimsService,
    private readonly exchanges: ExchangesService,
  ) {}

  /** Send a sign of life. Renews exactly the executions listed; what is wrong in it is left out, and named in `ignored`. */
  @Post(':id/heartbeat')
  @AllowWorker()
  @Patient()
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: HeartbeatReceiptDto })
  heartbeat(@CurrentWorker() worker: WorkerPrincipal, @Body() body: HeartbeatDto): Promise<HeartbeatReceiptDto> {
    return this.heartbeats.hear(worker, body);
  }

  /** Ask for work, and wait for it if need be. Nothing to do is an empty list. */
  @Post(':id/claim')
  @AllowWorker()
  @Waits()
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: ClaimReceiptDto })
  async claim(
    @CurrentWorker() worker: WorkerPrincipal,
    @Body() body: ClaimDto,
    @Req() request: Request,
  ): Promise<ClaimReceiptDto> {
    const { executions, signals } = await this.claims.claim(worker, {
      max: body.max ?? 1,
      wait_seconds: body.wait_seconds ?? 0,
      request_key: body.request_key ?? null,
      closed: socketClosed(request),
    });
    return { executions: executions.map((brief) => ClaimedExecutionDto.from(brief)), ...signals };
  }

  /**
   * Say several things in one request, and ask for work. Each item succeeds or fails alone, as it would on its own route;
   * when one has failed the claim does not wait.
   */
  @Post(':id/exchange')
  @AllowWorker()
  @Waits()
  @HttpCode(200)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: ExchangeReceiptDto })
  async exchange(
    @CurrentWorker() worker: WorkerPrincipal,
    @Body() body: ExchangeDto,
    @Req() request: Request,
  ): Promise<ExchangeReceiptDto> {
    const context = { worker, request_id: requestIdOf(request), closed: socketClosed(request) };
    const { executions, ...receipt } = await this.exchanges.exchange(context, body);
    return { ...receipt, executions: executions.map((brief) => ClaimedExecutionDto.from(brief)) };
  }
}
