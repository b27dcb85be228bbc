import { randomBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { describe, expect, it } from '@jest/globals';
import { forgedClaims } from '../../test/forged-claims.js';
import { forgedEncodings } from '../../test/forged-encodings.js';
import { Forger, HEAD } from '../../test/forger.js';
import { AuthConfig } from '../config/auth.config.js';
import { newId } from '../ids.js';
import { AccessTokensService, jwtOptions } from './access-tokens.service.js';
import { InvalidToken } from './auth.errors.js';

const SECRET = randomBytes(32).toString('base64');

const serviceWith = (jwt_secret: string, jwt_expiration = 3600): AccessTokensService => {
  const config = Object.assign(new AuthConfig(), { jwt_secret, jwt_expiration });
  return new AccessTokensService(new JwtService(jwtOptions(config)));
};

const tokens = serviceWith(SECRET);
const ids = { sub: newId(), sid: newId(), org: newId() };
const token = tokens.sign(ids);
const forger = new Forger(SECRET, token);
const FORGED = new Map([...forgedEncodings(forger, tokens.sign(ids)), ...forgedClaims(forger)]);

describe('access tokens', () => {
  it('carry exactly the claims that are promised', () => {
    const { exp, iat, ...rest } = tokens.verify(token);
    expect(rest).toEqual({ ...ids, iss: 'miyabi', aud: 'miyabi-api', jti: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(exp - iat).toBe(3600);
  });

  it('differ although they are made in the same second', () => {
    expect(tokens.sign(ids)).not.toBe(tokens.sign(ids));
  });

  it('are accepted when the test signs them as the server does, so that refusals below have their reason', () => {
    expect(tokens.verify(forger.withClaims({}))).toEqual(forger.claims);
    expect(forger.signed(HEAD, forger.claims)).toBe(token);
  });

  it.each(['no exp', 'no iat', 'no sub', 'header with a key id', 'audience ["miyabi-api","another-api"]'])(
    'would be accepted by the library alone: %s',
    (name) => {
      const library = new JwtService(jwtOptions(Object.assign(new AuthConfig(), { jwt_secret: SECRET })));
      expect(() => library.verify(FORGED.get(name) ?? '')).not.toThrow();
    },
  );

  it('are refused in every forged form', () => {
    expect(FORGED.size).toBeGreaterThan(400);
    for (const [name, forged] of FORGED) {
      expect(forged).not.toBe(token);
      const verify = () => tokens.verify(forged);
      // The name is what a failure has to say.
      expect([name, errorOf(verify)]).toEqual([name, InvalidToken]);
    }
  });

  it('are refused after any change of one character', () => {
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(() => tokens.verify(changed)).toThrow(InvalidToken);
    }
  });

  it('are told apart as expired, which asks for a refresh', () => {
    expect(() => tokens.verify(forger.withClaims({ exp: Math.floor(Date.now() / 1000) - 1 }))).toThrow('expired');
  });

  it('of another secret are refused', () => {
    expect(() => serviceWith(randomBytes(32).toString('base64')).verify(token)).toThrow(InvalidToken);
  });
});

/** The class of what is thrown. */
function errorOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as Error).constructor;
  }
}
