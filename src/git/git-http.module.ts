import { Module } from '@nestjs/common';
import { GitHttpController } from './git-http.controller.js';
import { GitHttpService } from './git-http.service.js';
import { GitModule } from './git.module.js';

/** Smart HTTP for workers. Needs a provider of GitAccess, which a global module of the executions gives. */
@Module({
  imports: [GitModule],
  controllers: [GitHttpController],
  providers: [GitHttpService],
})
export class GitHttpModule {}
