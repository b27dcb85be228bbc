import { Module } from '@nestjs/common';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsService } from './invitations.service.js';
import { InvitationsStore } from './invitations.store.js';
import { MembersController } from './members.controller.js';
import { MembersService } from './members.service.js';
import { MembersStore } from './members.store.js';
import { OrganizationsController } from './organizations.controller.js';
import { OrganizationsService } from './organizations.service.js';
import { OrganizationsStore } from './organizations.store.js';

@Module({
  imports: [IdempotencyModule],
  controllers: [OrganizationsController, MembersController, InvitationsController],
  providers: [
    OrganizationsService,
    OrganizationsStore,
    MembersService,
    MembersStore,
    InvitationsService,
    InvitationsStore,
  ],
  exports: [OrganizationsService],
})
export class OrganizationsModule {}
