import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Public } from '../auth/access.js';
import { liftDeadline } from '../http/deadline.js';
import { ServerAddress } from '../http/server-address.js';
import { CliFileService } from './cli-file.service.js';
import { joinScript } from './join-script.js';

/** What another machine fetches to become a worker. It stands beside the API, and holds no secret. */
@ApiExcludeController()
@Controller()
export class DownloadsController {
  constructor(
    private readonly files: CliFileService,
    private readonly address: ServerAddress,
  ) {}

  @Get('join.sh')
  @Public()
  async script(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { sha256 } = await this.files.find();
    response.setHeader('Content-Type', 'text/x-shellscript; charset=utf-8');
    // It holds the address that this caller used.
    response.setHeader('Cache-Control', 'no-store');
    response.send(joinScript(this.address.askedUnder(request), sha256));
  }

  @Get('downloads/miyabi.mjs')
  @Public()
  async cli(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { bytes, sha256 } = await this.files.find();
    liftDeadline(request);
    response.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    response.setHeader('Content-Disposition', 'attachment; filename="miyabi.mjs"');
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('ETag', `"${sha256}"`);
    // Answers 304 to who has it.
    response.send(bytes);
  }
}
