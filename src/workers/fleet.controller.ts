import { Body, Controller, Get, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { FleetDto, FleetPauseReceiptDto, PauseFleetDto } from './fleet.dto.js';
import { FleetService } from './fleet.service.js';

@ApiTags('Workers')
@Controller('fleet')
export class FleetController {
  constructor(private readonly fleet: FleetService) {}

  /** Tell whether the fleet of the organization is paused */
  @Get()
  @Allow('workers.read')
  @ApiOkResponse({ type: FleetDto })
  async get(@CurrentPrincipal() principal: Principal): Promise<FleetDto> {
    return FleetDto.from(await this.fleet.find(principal));
  }

  /**
   * Pause the fleet of the organization
   *
   * No task of the organization is given to any worker, be it its own or one of the instance, until the fleet is resumed.
   * What runs goes on, unless it is to be cancelled; tasks may still be begun by hand. A second pause takes the place of
   * the first.
   */
  @Post('pause')
  @Allow('workers.manage')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: FleetPauseReceiptDto })
  async pause(
    @CurrentPrincipal() principal: Principal,
    @Body() { note = null, cancel_running = false }: PauseFleetDto,
  ): Promise<FleetPauseReceiptDto> {
    const { pause, cancelled, more } = await this.fleet.pause(principal, { note, cancel_running });
    return { ...FleetDto.from(pause), cancelled, more };
  }

  /** Resume the fleet of the organization */
  @Post('resume')
  @Allow('workers.manage')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: FleetDto })
  async resume(@CurrentPrincipal() principal: Principal): Promise<FleetDto> {
    return FleetDto.from(await this.fleet.resume(principal));
  }
}
