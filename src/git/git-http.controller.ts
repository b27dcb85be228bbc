import { Controller, Get, HttpCode, HttpStatus, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Public } from '../auth/access.js';
import { Waits } from '../http/deadline.interceptor.js';
import { GitHttpService } from './git-http.service.js';
import { GitProblemFilter } from './git-problem.filter.js';

/**
 * Git's smart HTTP, beside the API: it is not JSON, and git clients find it by its own rules. Public to the guard
 * because its credentials are Basic ones of an execution, which the service checks on every route.
 */
@ApiExcludeController()
@UseFilters(GitProblemFilter)
@Controller('git/:repository.git')
export class GitHttpController {
  constructor(private readonly http: GitHttpService) {}

  @Get('info/refs')
  @Public()
  @Waits()
  advertise(@Param('repository') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    return this.http.advertise(request, response, id);
  }

  @Post('git-upload-pack')
  @Public()
  @Waits()
  @HttpCode(HttpStatus.OK)
  uploadPack(@Param('repository') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    return this.http.uploadPack(request, response, id);
  }

  /** Not of Git's own: what a checkout holds while its agent works. See docs/worker-protocol.md. */
  @Post('git-snapshot')
  @Public()
  @Waits()
  @HttpCode(HttpStatus.NO_CONTENT)
  snapshot(@Param('repository') id: string, @Req() request: Request): Promise<void> {
    return this.http.snapshot(request, id);
  }

  @Post('git-receive-pack')
  @Public()
  @Waits()
  @HttpCode(HttpStatus.OK)
  receivePack(@Param('repository') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    return this.http.receivePack(request, response, id);
  }
}
