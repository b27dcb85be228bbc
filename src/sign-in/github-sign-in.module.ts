import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { SecretCipher } from '../auth/secret-cipher.js';
import { GithubApiService } from './github-api.service.js';
import { GithubController } from './github.controller.js';
import { GithubSignInService } from './github-sign-in.service.js';
import { GithubStrategy } from './github.strategy.js';
import { GithubTokensService } from './github-tokens.service.js';
import { GithubTokensStore } from './github-tokens.store.js';
import { OauthStatesService } from './oauth-states.service.js';
import { OauthStatesStore } from './oauth-states.store.js';
import { TokenRotationDuty } from './token-rotation.duty.js';

@Module({
  imports: [AuthModule],
  controllers: [GithubController],
  providers: [
    GithubApiService,
    GithubSignInService,
    GithubStrategy,
    GithubTokensService,
    GithubTokensStore,
    OauthStatesService,
    OauthStatesStore,
    SecretCipher,
    TokenRotationDuty,
  ],
})
export class GithubSignInModule {}
