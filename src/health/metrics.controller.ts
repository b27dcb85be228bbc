import { Controller, Get, Res, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Public } from '../auth/access.js';
import { GaugesService } from './gauges.service.js';
import { MetricsGuard } from './metrics.guard.js';

@ApiTags('Health')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly gauges: GaugesService) {}

  /** Figures for Prometheus. Readable from the server's own machine, elsewhere with `Bearer METRICS_TOKEN`. */
  @Get()
  @Public()
  @UseGuards(MetricsGuard)
  @ApiProduces('text/plain')
  @ApiOkResponse({ description: 'Prometheus text format.', schema: { type: 'string' } })
  async metrics(@Res() response: Response): Promise<void> {
    const { type, text } = await this.gauges.page();
    response.type(type).send(text);
  }
}
