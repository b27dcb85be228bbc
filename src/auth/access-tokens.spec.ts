import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { describe, expect, it } from '@jest/globals';
import { AuthConfig } from '../config/auth.config.js';
import { newId } from '../ids.js';
import { AccessTokensService, jwtOptions } from './access-tokens.service.js';
import { InvalidToken } from './auth.errors.js';

const SECRET = randomBytes(32).toString('base64');
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const serviceWith = (jwt_secret: string, jwt_expiration = 3600): AccessTokensService => {
  const config = Object.assign(new AuthConfig(), { jwt_secret, jwt_expiration });
  return new AccessTokensService(new JwtService(jwtOptions(config)));
};

const tokens = serviceWith(SECRET);
const ids = { sub: newId(), sid: newId(), org: newId() };
const token = tokens.sign(ids);
const [header = '', payload = '', signature = ''] = token.split('.');
const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const hmac = (text: string, hash = 'sha256', secret = SECRET): string =>
  createHmac(hash, secret).update(text).digest('base64url');
const signed = (head: unknown, body: unknown, hash?: string, secret?: string): string => {
  const text = `${encode(head)}.${encode(body)}`;
  return `${text}.${hmac(text, hash, secret)}`;
};
const HEAD = { alg: 'HS256', typ: 'JWT' };
const withClaims = (change: Record<string, unknown>): string => signed(HEAD, { ...claims, ...change });
const without = (name: string): string => withClaims({ [name]: undefined });

/** The same bytes as another text: the last character's unused bits are set. */
function reencoded(text: string): string {
  const last = BASE64URL.indexOf(text.at(-1) ?? '');
  const unused = text.length % 4 === 3 ? 3 : 15;
  return text.slice(0, -1) + BASE64URL.charAt(last ^ (last & unused ? 0 : 1));
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsa = (() => {
  const text = `${encode({ alg: 'RS256', typ: 'JWT' })}.${payload}`;
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
})();
const now = Math.floor(Date.now() / 1000);

const TAMPERED: Record<string, string> = {
  'no text': '',
  'one part': header,
  'two parts': `${header}.${payload}`,
  'no signature': `${header}.${payload}.`,
  'four parts': `${token}.${signature}`,
  'a part before': `.${token}`,
  'blank before': ` ${token}`,
  'newline after': `${token}\n`,
  'signature of another secret': signed(HEAD, claims, 'sha256', 'x'.repeat(44)),
  'signature of an empty secret': signed(HEAD, claims, 'sha256', ''),
  'signature cut': token.slice(0, -1),
  'signature lengthened': `${token}A`,
  'signature padded': `${token}=`,
  'signature with other unused bits': `${header}.${payload}.${reencoded(signature)}`,
  'signature in base64': `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
  'signature with a newline in it': `${header}.${payload}.${signature.slice(0, 9)}\n${signature.slice(9)}`,
  'signature with a foreign character in it': `${header}.${payload}.${signature.slice(0, 9)}!${signature.slice(9)}`,
  'signature changed': `${header}.${payload}.${(signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)}`,
  'payload changed': `${header}.${encode({ ...claims, sub: newId() })}.${signature}`,
  'payload padded and signed': (() => {
    const text = `${header}.${payload}${'='.repeat((4 - (payload.length % 4)) % 4) || '===='}`;
    return `${text}.${hmac(text)}`;
  })(),
  'payload with a newline and signed': (() => {
    const text = `${header}.${payload.slice(0, 9)}\n${payload.slice(9)}`;
    return `${text}.${hmac(text)}`;
  })(),
  'algorithm none': `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
  'algorithm None': `${encode({ alg: 'None', typ: 'JWT' })}.${payload}.${signature}`,
  'algorithm HS384': signed({ ...HEAD, alg: 'HS384' }, claims, 'sha384'),
  'algorithm HS512': signed({ ...HEAD, alg: 'HS512' }, claims, 'sha512'),
  'algorithm hs256': signed({ ...HEAD, alg: 'hs256' }, claims),
  'algorithm RS256': rsa,
  'HS256 with a public key as secret': signed(
    HEAD,
    claims,
    'sha256',
    publicKey.export({ type: 'spki', format: 'pem' }) as string,
  ),
  'no algorithm': signed({ typ: 'JWT' }, claims),
  'no type': signed({ alg: 'HS256' }, claims),
  'type at+jwt': signed({ ...HEAD, typ: 'at+jwt' }, claims),
  'type jwt': signed({ ...HEAD, typ: 'jwt' }, claims),
  'header with a key id': signed({ ...HEAD, kid: '../../dev/null' }, claims),
  'header with a key': signed({ ...HEAD, jwk: { kty: 'oct', k: 'AA' } }, claims),
  'header with crit': signed({ ...HEAD, crit: ['b64'], b64: false }, claims),
  'header in another order': signed({ typ: 'JWT', alg: 'HS256' }, claims),
  'header with blanks': signed('{"alg": "HS256", "typ": "JWT"}', claims),
  'header null': signed('null', claims),
  'header no JSON': signed('{', claims),
  'payload null': signed(HEAD, 'null'),
  'payload a text': signed(HEAD, '"hello"'),
  'payload a list': signed(HEAD, '[]'),
  'payload empty': signed(HEAD, ''),
  'payload no JSON': signed(HEAD, '{"sub":'),
  'payload without claims': signed(HEAD, {}),
  'no sub': without('sub'),
  'no sid': without('sid'),
  'no org': without('org'),
  'no jti': without('jti'),
  'no iat': without('iat'),
  'no exp': without('exp'),
  'no iss': without('iss'),
  'no aud': without('aud'),
  'sub null': withClaims({ sub: null }),
  'sub a list': withClaims({ sub: [ids.sub] }),
  'sub no id': withClaims({ sub: "' or true --" }),
  'sub in capitals': withClaims({ sub: ids.sub.toUpperCase() }),
  'sid a number': withClaims({ sid: 1 }),
  'org empty': withClaims({ org: '' }),
  'jti an object': withClaims({ jti: {} }),
  'iat a text': withClaims({ iat: String(now) }),
  'exp a text': withClaims({ exp: String(now + 3600) }),
  'exp null': withClaims({ exp: null }),
  'exp fractional': withClaims({ exp: now + 3600.5 }),
  'exp endless': signed(HEAD, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400')),
  'exp now': withClaims({ exp: now }),
  'exp in the past': withClaims({ exp: 1 }),
  'not before tomorrow': withClaims({ nbf: now + 86_400 }),
  'not before a text': withClaims({ nbf: 'never' }),
  'another issuer': withClaims({ iss: 'somebody' }),
  'several issuers': withClaims({ iss: ['miyabi'] }),
  'another audience': withClaims({ aud: 'another-api' }),
  'several audiences': withClaims({ aud: ['miyabi-api', 'another-api'] }),
};

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
    expect(tokens.verify(signed(HEAD, claims))).toEqual(claims);
    expect(signed(HEAD, claims)).toBe(token);
  });

  it.each(['no exp', 'no iat', 'no sub', 'header with a key id', 'several audiences'])(
    'would be accepted by the library alone: %s',
    (name) => {
      const { secret, verifyOptions } = jwtOptions(Object.assign(new AuthConfig(), { jwt_secret: SECRET }));
      const library = new JwtService({ secret, verifyOptions });
      expect(() => library.verify(TAMPERED[name] ?? '')).not.toThrow();
    },
  );

  it.each(Object.entries(TAMPERED))('are refused: %s', (_, tampered) => {
    expect(() => tokens.verify(tampered)).toThrow(InvalidToken);
  });

  it('are refused after any change of one character', () => {
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(() => tokens.verify(changed)).toThrow(InvalidToken);
    }
  });

  it('are told apart as expired, which asks for a refresh', () => {
    expect(() => tokens.verify(withClaims({ exp: now - 1 }))).toThrow('expired');
  });

  it('of another secret are refused', () => {
    expect(() => serviceWith(randomBytes(32).toString('base64')).verify(token)).toThrow(InvalidToken);
  });
});
