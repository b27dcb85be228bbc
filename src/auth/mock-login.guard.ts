import { Injectable, type CanActivate } from '@nestjs/common';
import { AuthConfig } from '../config/auth.config.js';
import { RuntimeConfig } from '../config/runtime.config.js';
import { MockLoginOff } from './auth.errors.js';

/** Closes mock login before its input is even looked at. The configuration forbids it in production already. */
@Injectable()
export class MockLoginGuard implements CanActivate {
  constructor(
    private readonly auth: AuthConfig,
    private readonly runtime: RuntimeConfig,
  ) {}

  canActivate(): true {
    if (!this.auth.mock_login || this.runtime.production) throw new MockLoginOff();
    return true;
  }
}
