import { Injectable } from '@nestjs/common';
import { AccessKeysService } from './access-keys.service.js';
import { AccessTokensService } from './access-tokens.service.js';
import { InvalidToken, NoToken } from './auth.errors.js';
import { looksLikeKey } from './keys.js';
import type { Credential } from './credential.js';
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
  async identifyHeader(authorization: string | undefined, isPatient = false): Promise<Principal> {
    return this.identify(tokenOf(authorization), isPatient);
  }

  /** The credential in an `Authorization` header. Throws Unauthenticated. */
  credentialOfHeader(authorization: string | undefined): Credential {
    return this.credentialOf(tokenOf(authorization));
  }

  /**
   * What an access token or a key stands for, for who is connected for long. All that are asked in the same turn are
   * looked up together, and a signature is checked but once. Throws Unauthenticated.
   */
  credentialOf(token: string): Credential {
    if (looksLikeKey(token)) return this.keys.credentialOf(token);
    const claims = this.accessTokens.verify(token);
    return {
      stands: () => Promise.resolve(false),
      identify: async () => {
        if (claims.exp * 1000 <= Date.now()) throw new InvalidToken('The access token has expired.');
        return this.sessions.identify(claims);
      },
    };
  }

  /** Whose refresh token it is, which stays unused: for pages that a browser opens. Throws Unauthenticated. */
  async identifyHolder(refresh_token: string): Promise<Principal> {
    return this.sessions.identifyHolder(refresh_token);
  }

  /** Whose access token or key it is. Throws Unauthenticated. */
  async identify(token: string, isPatient = false): Promise<Principal> {
    if (looksLikeKey(token)) return this.keys.identify(token, isPatient);
    return this.sessions.identify(this.accessTokens.verify(token));
  }
}

function tokenOf(authorization: string | undefined): string {
  if (authorization === undefined || !/^bearer(\s|$)/i.test(authorization)) throw new NoToken();
  const token = /^bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new InvalidToken();
  return token;
}
