import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { OpenStreams } from './open-streams.service.js';

/** What goes on in this process, for features that stream. */
@Module({ imports: [AuthModule], providers: [OpenStreams], exports: [OpenStreams] })
export class StreamsModule {}
