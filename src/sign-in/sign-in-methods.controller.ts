import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../auth/access.js';
import { AuthConfig } from '../config/auth.config.js';
import { GithubConfig } from '../config/github.config.js';
import { RuntimeConfig } from '../config/runtime.config.js';
import { SignInMethodsDto } from './sign-in-methods.dto.js';

@ApiTags('Auth')
@Controller('auth/methods')
export class SignInMethodsController {
  constructor(
    private readonly auth: AuthConfig,
    private readonly githubConfig: GithubConfig,
    private readonly runtime: RuntimeConfig,
  ) {}

  /** Tell the ways to sign in here */
  @Get()
  @Public()
  @ApiOkResponse({ type: SignInMethodsDto, description: 'What a page for signing in can offer.' })
  list(): SignInMethodsDto {
    return { github: this.githubConfig.enabled, mock: this.auth.mock_login && !this.runtime.production };
  }
}
