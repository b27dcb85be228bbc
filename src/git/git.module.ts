import { Module } from '@nestjs/common';
import { ServerAddress } from '../http/server-address.js';
import { CommitsService } from './commits.service.js';
import { DiffsService } from './diffs.service.js';
import { GitAddress } from './git-address.js';
import { GitProcess } from './git-process.js';
import { LocalPathsService } from './local-paths.service.js';
import { MirrorsService } from './mirrors.service.js';

/** Mirrors and what is read from them. Needs a provider of MirrorRecords, which the repositories give to all. */
@Module({
  providers: [ServerAddress, GitProcess, GitAddress, LocalPathsService, MirrorsService, CommitsService, DiffsService],
  exports: [GitProcess, GitAddress, LocalPathsService, MirrorsService, CommitsService, DiffsService],
})
export class GitModule {}
