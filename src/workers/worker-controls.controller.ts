import { Body, Controller, Delete, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { DrainWorkerDto, PauseWorkerDto, RotatedTokenDto } from './worker-controls.dto.js';
import { ROTATION_SECONDS, WorkerControls } from './worker-controls.service.js';
import { WorkerDto } from './worker.dto.js';

const FOREIGN = { 403: ['auth/forbidden', 'worker/of-the-instance'] };

@ApiTags('Workers')
@Controller('workers')
export class WorkerControlsController {
  constructor(private readonly controls: WorkerControls) {}

  /**
   * Pause a worker
   *
   * It goes on with what it runs and takes no more, until the time that is given or until it is resumed; a restart does
   * not end that. Workers of the instance are managed by its administrator alone, here and below.
   */
  @Post(':id/pause')
  @Allow('workers.manage')
  @HttpCode(HttpStatus.OK)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: WorkerDto })
  @ProblemsWith({ ...FOREIGN, 409: ['worker/stopped'] })
  async pause(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() { note = null, until = null }: PauseWorkerDto,
  ): Promise<WorkerDto> {
    return WorkerDto.from(await this.controls.pause(principal, id, { note, until }));
  }

  /** Resume a worker that is paused, or draining and not yet done */
  @Post(':id/resume')
  @Allow('workers.manage')
  @HttpCode(HttpStatus.OK)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: WorkerDto })
  @ProblemsWith({ ...FOREIGN, 409: ['worker/stopped'] })
  async resume(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<WorkerDto> {
    return WorkerDto.from(await this.controls.resume(principal, id));
  }

  /**
   * Have a worker finish and stop
   *
   * It ends what it runs and takes no more; then it is `stopped`, and its process ends. One that runs nothing stops at
   * once. When it is started again it is a worker like any other.
   */
  @Post(':id/drain')
  @Allow('workers.manage')
  @HttpCode(HttpStatus.OK)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: WorkerDto })
  @ProblemsWith(FOREIGN)
  async drain(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() { note = null }: DrainWorkerDto,
  ): Promise<WorkerDto> {
    return WorkerDto.from(await this.controls.drain(principal, id, note));
  }

  /**
   * Give a worker a new token
   *
   * The tokens it had stay good for ten minutes, so that it can be told the new one meanwhile.
   */
  @Post(':id/rotate-token')
  @Allow('workers.manage')
  @NotIdempotent()
  @HttpCode(HttpStatus.OK)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiOkResponse({ type: RotatedTokenDto })
  @ProblemsWith(FOREIGN)
  async rotateToken(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<RotatedTokenDto> {
    const { worker, token } = await this.controls.rotateToken(principal, id);
    return { worker: WorkerDto.from(worker), token, former_valid_seconds: ROTATION_SECONDS };
  }

  /**
   * Delete a worker
   *
   * Its token is refused from now on, and what it ran is handed back, to be claimed by others at once. Its process ends,
   * and does not register again by itself.
   */
  @Delete(':id')
  @Allow('workers.manage')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiIdParam('id', 'Id of the worker.')
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ProblemsWith(FOREIGN)
  async delete(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<void> {
    await this.controls.delete(principal, id);
  }
}
