import { Global, Module } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import { AuditService } from './audit.service.js';
import { AuditStore } from './audit.store.js';

/** Global, because every feature has something to answer for. */
@Global()
@Module({ controllers: [AuditController], providers: [AuditService, AuditStore], exports: [AuditService] })
export class AuditModule {}
