import { Injectable } from '@nestjs/common';
import { AccessKeysService } from './access-keys.service.js';
import { AccessTokensService } from './access-tokens.service.js';
import { InvalidToken, NoToken } from './auth.errors.js';
import { looksLikeKey } from './keys.js';
import type { Principal } from './principal.js';
import { SessionsService } from './sessions.service.js';

/** Tells who is calling: a person by access token, a program or a worker by key. */
@Injectable()
export class CallersService {
  constructor(
    private readonly accessTokens: AccessTokensService,
    private readonly sessions: SessionsService,
    private readonly keys: AccessKeysService,
  ) {}

  /** Reads an `Authorization` header (RFC 6750 §2.1). Throws Unauthenticated. */
  async identifyHeader(authorization: string | undefined): Promise<Principal> {
    if (authorization === undefined || !/^bearer(\s|$)/i.test(authorization)) throw new NoToken();
    const token = /^bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1];
    if (token === undefined) throw new InvalidToken();
    return this.identify(token);
  }

  /** Whose refresh token it is, which stays unused: for pages that a browser opens. Throws Unauthenticated. */
  async identifyHolder(refresh_token: string): Promise<Principal> {
    return this.sessions.identifyHolder(refresh_token);
  }

  /** Whose access token or key it is. Throws Unauthenticated. */
  async identify(token: string): Promise<Principal> {
    if (looksLikeKey(token)) return this.keys.identify(token);
    return this.sessions.identify(this.accessTokens.verify(token));
  }
}
