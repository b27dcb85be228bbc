import { Module } from '@nestjs/common';
import { Upgrades } from './upgrades.service.js';

/** WebSockets, for features that speak over them. */
@Module({ providers: [Upgrades], exports: [Upgrades] })
export class SocketsModule {}
