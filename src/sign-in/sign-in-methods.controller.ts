import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../auth/access.js';
import { AuthConfig } from '../config/auth.config.js';
import { RuntimeConfig } from '../config/runtime.config.js';
import { SignInMethodsDto } from './sign-in-methods.dto.js';

@ApiTags('Auth')
@Controller('auth/methods')
export class SignInMethodsController {
  constructor(
    private readonly auth: AuthConfig,
    private readonly runtime: RuntimeConfig,
  ) {}

  /** Tell the ways to sign in here */
  @Get()
  @Public()
  @ApiOkResponse({ type: SignInMethodsDto, description: 'What a page for signing in can offer.' })
  list(): SignInMethodsDto {
    return { github: false, mock: this.auth.mock_login && !this.runtime.production };
  }
}
