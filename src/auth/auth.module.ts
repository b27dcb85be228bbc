import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { AuthConfig } from '../config/auth.config.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { AccessKeysService } from './access-keys.service.js';
import { AccessKeysStore } from './access-keys.store.js';
import { AccessTokensService, jwtOptions } from './access-tokens.service.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthController } from './auth.controller.js';
import { AuthGuard } from './auth.guard.js';
import { AuthService } from './auth.service.js';
import { CallersService } from './callers.service.js';
import { JoinTokensService } from './join-tokens.service.js';
import { JoinTokensStore } from './join-tokens.store.js';
import { OwnSessionsService } from './own-sessions.service.js';
import { RouteAccess } from './route-access.js';
import { SessionsController } from './sessions.controller.js';
import { SessionHomes } from './session-homes.js';
import { SessionsService } from './sessions.service.js';
import { SessionsStore } from './sessions.store.js';
import { UsersService } from './users.service.js';
import { UsersStore } from './users.store.js';

@Module({
  imports: [
    DiscoveryModule,
    OrganizationsModule,
    JwtModule.registerAsync({ inject: [AuthConfig], useFactory: jwtOptions }),
  ],
  controllers: [AuthController, SessionsController, ApiKeysController],
  providers: [
    { provide: APP_GUARD, useClass: AuthGuard },
    AccessKeysService,
    AccessKeysStore,
    AccessTokensService,
    ApiKeysService,
    AuthService,
    CallersService,
    JoinTokensService,
    JoinTokensStore,
    OwnSessionsService,
    RouteAccess,
    SessionHomes,
    SessionsService,
    SessionsStore,
    UsersService,
    UsersStore,
  ],
  exports: [AccessKeysService, AuthService, CallersService, JoinTokensService, SessionsService, UsersService],
})
export class AuthModule {}
