import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { SessionsStore } from './sessions.store.js';

/**
 * Sessions that acted in an organization go home, to the personal one of their person, when that ends for them. Access
 * tokens name the organization they are for, so the old ones are refused; the refresh token goes on at home.
 */
@Injectable()
export class SessionHomes implements OnModuleInit {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly store: SessionsStore,
  ) {}

  onModuleInit(): void {
    this.organizations.onMembershipEnded(({ organization_id, user_id }) =>
      this.store.moveHome(organization_id, user_id),
    );
    this.organizations.onDeleting((organization_id) => this.store.moveHome(organization_id, null));
  }
}
