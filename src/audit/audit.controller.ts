import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import type { Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { AuditEntryDto, AuditEntryPage, AuditQuery } from './audit.dto.js';
import { AuditService } from './audit.service.js';

@ApiTags('Audit log')
@Controller('audit-log')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  /**
   * Read the audit log, newest first
   *
   * Sign-ins and their failures, changes of keys, members and roles, deletions. Nobody can change or remove an entry.
   */
  @Get()
  @Allow('audit.read')
  @ApiOkResponse({ type: AuditEntryPage, description: 'One page of entries.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'audit/administrators-only'] })
  list(@CurrentPrincipal() principal: Principal, @Query() query: AuditQuery): Promise<Page<AuditEntryDto>> {
    return this.audit.list(principal, query, (entry) => AuditEntryDto.from(entry));
  }
}
