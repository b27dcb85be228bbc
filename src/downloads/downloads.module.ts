import { Module } from '@nestjs/common';
import { CliFileService } from './cli-file.service.js';
import { DownloadsController } from './downloads.controller.js';

/** The command line of this very server, and how a machine joins with it. */
@Module({ controllers: [DownloadsController], providers: [CliFileService] })
export class DownloadsModule {}
