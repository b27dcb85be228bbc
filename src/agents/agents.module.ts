import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { AgentCountsDuty } from './agent-counts.duty.js';
import { AgentsController } from './agents.controller.js';
import { AgentsService } from './agents.service.js';
import { AgentsStore } from './agents.store.js';
import { OrganizationAgents } from './organization-agents.js';
import { ProviderLimitsController } from './provider-limits.controller.js';
import { ProviderLimits } from './provider-limits.service.js';
import { ProviderLimitsStore } from './provider-limits.store.js';

@Module({
  imports: [EventsModule, OrganizationsModule],
  controllers: [AgentsController, ProviderLimitsController],
  providers: [AgentsService, AgentsStore, AgentCountsDuty, OrganizationAgents, ProviderLimits, ProviderLimitsStore],
  exports: [AgentsService, ProviderLimits],
})
export class AgentsModule {}
