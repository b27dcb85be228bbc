import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DeviceGrantsStore } from './device-grants.store.js';
import { DeviceSignInController } from './device-sign-in.controller.js';
import { DeviceSignInService } from './device-sign-in.service.js';
import { ExpiredSignInsStore } from './expired-sign-ins.store.js';
import { IdentityCleanupDuty } from './identity-cleanup.duty.js';
import { SignInMethodsController } from './sign-in-methods.controller.js';

@Module({
  imports: [AuthModule],
  controllers: [DeviceSignInController, SignInMethodsController],
  providers: [DeviceGrantsStore, DeviceSignInService, ExpiredSignInsStore, IdentityCleanupDuty],
})
export class DeviceSignInModule {}
