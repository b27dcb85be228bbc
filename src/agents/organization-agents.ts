import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { AgentsStore } from './agents.store.js';

/** What agents leave behind when their organization is deleted. */
@Injectable()
export class OrganizationAgents implements OnModuleInit {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly store: AgentsStore,
  ) {}

  onModuleInit(): void {
    this.organizations.onDeleting((organization_id) => this.store.removeCounts(organization_id));
  }
}
