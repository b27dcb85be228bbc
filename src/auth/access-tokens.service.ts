import { createSecretKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService, TokenExpiredError, type JwtModuleOptions } from '@nestjs/jwt';
import type { AuthConfig } from '../config/auth.config.js';
import { isId, newId } from '../ids.js';
import { InvalidToken } from './auth.errors.js';

const ISSUER = 'miyabi';
const AUDIENCE = 'miyabi-api';

/** The only header we write, so the only one we read: no other algorithm or type, no key named by the caller. */
const HEADER = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url');

/** What an access token says (RFC 7519). */
export interface AccessClaims {
  /** Id of the user. */
  sub: string;
  /** Id of the session. */
  sid: string;
  /** Id of the organization it acts in. */
  org: string;
  /** Id of this token. */
  jti: string;
  /** Seconds since 1970. */
  iat: number;
  exp: number;
}

/** Settings of the library. It is told the algorithm both ways, so that no token can choose it. */
export function jwtOptions(config: AuthConfig): JwtModuleOptions {
  // Made once: of a text the library makes a key for every token, and tries first whether it is a public one.
  const key = createSecretKey(config.jwt_secret, 'utf8');
  return {
    secretOrKeyProvider: () => key,
    signOptions: { algorithm: 'HS256', issuer: ISSUER, audience: AUDIENCE, expiresIn: config.jwt_expiration },
    verifyOptions: { algorithms: ['HS256'], issuer: ISSUER, audience: AUDIENCE },
  };
}

/** Makes and reads access tokens. */
@Injectable()
export class AccessTokensService {
  constructor(private readonly jwt: JwtService) {}

  sign(claims: Pick<AccessClaims, 'sub' | 'sid' | 'org'>): string {
    const { sub, sid, org } = claims;
    return this.jwt.sign({ sub, sid, org, jti: newId() });
  }

  /** Throws InvalidToken unless the token is, to the letter, one that `sign` made and that has not expired. */
  verify(token: string): AccessClaims {
    if (!isCanonical(token)) throw new InvalidToken();
    let claims: unknown;
    try {
      claims = this.jwt.verify<object>(token);
    } catch (error) {
      throw error instanceof TokenExpiredError ? new InvalidToken('The access token has expired.') : new InvalidToken();
    }
    if (!isClaims(claims)) throw new InvalidToken();
    return claims;
  }
}

/** Base64url has several texts for the same bytes (RFC 4648 §3.5) and the library reads them all; we write but one. */
function isCanonical(token: string): boolean {
  const [header, ...rest] = token.split('.');
  return header === HEADER && rest.length === 2 && rest.every(isBase64Url);
}

const isBase64Url = (text: string): boolean => Buffer.from(text, 'base64url').toString('base64url') === text;

/** The library takes tokens without `exp`, and an audience that is a list with ours in it. */
function isClaims(value: unknown): value is AccessClaims {
  if (typeof value !== 'object' || value === null) return false;
  const claims = value as Record<string, unknown>;
  const ids = [claims['sub'], claims['sid'], claims['org'], claims['jti']];
  const { iss, aud, iat, exp } = claims;
  return (
    iss === ISSUER &&
    aud === AUDIENCE &&
    ids.every((id) => typeof id === 'string' && isId(id)) &&
    Number.isSafeInteger(iat) &&
    Number.isSafeInteger(exp)
  );
}
