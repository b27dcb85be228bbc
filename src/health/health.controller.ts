import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiOkResponse, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Public } from '../auth/access.js';
import { Database } from '../database/database.js';
import { Lifecycle } from '../http/lifecycle.js';
import { VERSION } from '../version.js';
import { DatabaseProbe } from './database-probe.js';
import { HealthDto, ProbeDto } from './health.dto.js';

@ApiTags('Health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly probe: DatabaseProbe,
    private readonly lifecycle: Lifecycle,
  ) {}

  /** State of the process, the database and its pool. Answers within two seconds, 503 when the database is down. */
  @Get()
  @Public()
  @ApiOkResponse({ type: HealthDto })
  @ApiResponse({ status: 503, type: HealthDto, description: 'The database is out of reach.' })
  async health(@Res({ passthrough: true }) response: Response): Promise<HealthDto> {
    const latency = await this.probe.latency();
    const { active, idle, max, waiting } = this.database.pool;
    if (latency === null) response.status(HttpStatus.SERVICE_UNAVAILABLE);
    return {
      status: latency === null ? 'down' : waiting > 0 ? 'degraded' : 'ok',
      version: VERSION,
      uptime_seconds: Math.floor(process.uptime()),
      database: {
        status: latency === null ? 'unreachable' : 'connected',
        active_connections: active,
        idle_connections: idle,
        max_connections: max,
        waiting,
        latency_ms: latency === null ? null : Math.round(latency * 100) / 100,
      },
    };
  }

  /** Whether the process is alive. It asks nothing else, so that a platform does not restart it for its database. */
  @Get('live')
  @Public()
  @ApiOkResponse({ type: ProbeDto })
  live(): ProbeDto {
    return { status: 'ok' };
  }

  /** Whether requests should be sent here: after the migrations, with the database in reach, and not while stopping. */
  @Get('ready')
  @Public()
  @ApiOkResponse({ type: ProbeDto })
  @ApiResponse({ status: 503, type: ProbeDto, description: 'Send requests elsewhere.' })
  async ready(@Res({ passthrough: true }) response: Response): Promise<ProbeDto> {
    const stopping = this.lifecycle.stopping.aborted;
    const down = stopping || (await this.probe.latency()) === null;
    if (down) response.status(HttpStatus.SERVICE_UNAVAILABLE);
    return { status: stopping ? 'stopping' : down ? 'down' : 'ok' };
  }
}
