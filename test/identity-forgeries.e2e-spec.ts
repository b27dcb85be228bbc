import { randomBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AccessKeysService } from '../src/auth/access-keys.service.js';
import { AccessTokensService, type AccessClaims } from '../src/auth/access-tokens.service.js';
import { hashOfSecret } from '../src/auth/keys.js';
import { SessionsStore } from '../src/auth/sessions.store.js';
import { alteredSecrets, forgedKeys, withChecksum } from './altered-secrets.js';
import { concurrently } from './concurrently.js';
import { figure } from './figures.js';
import { forgedClaims, forgedSessions } from './forged-claims.js';
import { forgedEncodings } from './forged-encodings.js';
import { Forger, type Variants } from './forger.js';
import { PATIENCE_MS, size } from './scale.js';
import { signIn, type TokenPair } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';
import { send, Site } from './verify-site.js';

const JWT_SECRET = randomBytes(32).toString('base64');
const AT_ONCE = 8;
const LEAST = 400;

let server: TestApp;
let site: Site;

beforeAll(async () => {
  server = await startTestApp({ JWT_SECRET });
  site = await Site.found(server);
});
afterAll(() => server.close());

/** One kind of secret: how it is used, and what is nearly one. */
interface Kind {
  name: string;
  /** The status it is answered with: 200 where it is taken. */
  use: (text: string) => Promise<number>;
  /** The status of a refusal, 401 unless it says otherwise; anything else is a fault. */
  refusal?: number;
  variants: Variants;
  /** Uses the untampered one. */
  useGenuine: () => Promise<number>;
}

const bearer = (method: string, path: string, body?: object) => async (text: string) =>
  (await send(server, text, method, path, body)).status;
const refresh = (refresh_token: string) => send(server, null, 'POST', '/api/v1/auth/refresh', { refresh_token });

/** What a header can carry, blanks at its ends not being part of it. */
const inHeader = ([, text]: [string, string]): boolean =>
  /^[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(text);
/** What the body of a refresh takes for a token at all; the rest is a 400. */
const inBody = ([, text]: [string, string]): boolean => /^[^\s\0]+$/.test(text);

/** Kinds of secrets with a fresh one each. */
const KINDS: Record<string, () => Promise<Kind>> = {
  'access tokens': async () => {
    const [{ access_token }, { access_token: other }] = [await signIn(server), await signIn(server)];
    const forger = new Forger(JWT_SECRET, access_token);
    const variants = [...forgedEncodings(forger, other), ...forgedClaims(forger), ...forgedSessions(forger)];
    const use = bearer('GET', '/api/v1/auth/me');
    return { name: 'access tokens', use, variants: variants.filter(inHeader), useGenuine: () => use(access_token) };
  },
  'refresh tokens': async () => {
    let { refresh_token } = await signIn(server);
    // The genuine one is another with each use, so variants are made of the second.
    const useGenuine = async () => {
      const { status, json } = await refresh(refresh_token);
      refresh_token = (json as unknown as TokenPair).refresh_token;
      return status;
    };
    await useGenuine();
    const variants = alteredSecrets(refresh_token).filter(inBody);
    const use = async (text: string) => (await refresh(text)).status;
    return { name: 'refresh tokens', use, variants, useGenuine };
  },
  'worker tokens': async () => {
    const { id, token } = await site.worker();
    const use = bearer('POST', `/api/v1/workers/${id}/heartbeat`, {});
    const variants = [...alteredSecrets(token), ...forgedKeys(token)].filter(inHeader);
    return { name: 'worker tokens', use, variants, useGenuine: () => use(token) };
  },
  'API keys': async () => {
    const key = await site.key(['tasks.read']);
    const use = bearer('GET', '/api/v1/tasks');
    const variants = [...alteredSecrets(key), ...forgedKeys(key)].filter(inHeader);
    return { name: 'API keys', use, variants, useGenuine: () => use(key) };
  },
  'device codes': async () => {
    // Each gives tokens once: one for before, and the one that the variants are made of.
    const codes = [await approvedDevice(), await approvedDevice()];
    const use = async (device_code: string) =>
      (await send(server, null, 'POST', '/api/v1/auth/device/token', { device_code })).status;
    const variants = alteredSecrets(codes[1] ?? '').filter(inBody);
    // The word of RFC 8628 for them is `invalid_grant`, which OAuth answers with 400.
    return { name: 'device codes', use, variants, refusal: 400, useGenuine: () => use(codes.shift() ?? '') };
  },
};

/** The code of a device that somebody has approved. */
async function approvedDevice(): Promise<string> {
  const { access_token } = await signIn(server);
  const { json } = await send(server, null, 'POST', '/api/v1/auth/device', {});
  const { device_code, user_code } = json as { device_code: string; user_code: string };
  await send(server, access_token, 'POST', '/api/v1/auth/device/approve', { user_code });
  return device_code;
}

/** Tries the variants; gives how many were refused, and those that were not. */
async function attack(
  { name, use, variants, refusal = 401 }: Kind,
  most = size({ full: variants.length, short: 150 }),
) {
  const every = Math.ceil(variants.length / most);
  const chosen = variants.filter((_, at) => at % every === 0);
  const statuses = await concurrently(name, { total: chosen.length, atOnce: AT_ONCE }, (at) =>
    use(chosen[at]?.[1] ?? ''),
  );
  const fallen = chosen.flatMap(([variant], at) =>
    statuses[at] === refusal ? [] : [`${variant}: ${String(statuses[at])}`],
  );
  return { tried: chosen.length, refused: chosen.length - fallen.length, fallen };
}

/** What a broken server takes: a control is to find that, whatever else falls over. */
const taken = (fallen: readonly string[]): string[] =>
  fallen.filter((line) => line.endsWith(': 200')).map((line) => line.slice(0, -5));

describe('tampered secrets', () => {
  it.each(Object.keys(KINDS))(
    'are refused, and the genuine ones taken: %s',
    async (name) => {
      const kind = (await KINDS[name]?.()) as Kind;
      expect(new Set(kind.variants.map(([, text]) => text)).size).toBeGreaterThan(LEAST);
      expect(await kind.useGenuine()).toBe(200);
      const { tried, refused, fallen } = await attack(kind);
      figure(12, `tampered ${name} refused`, refused, 'of', tried, `(${String(kind.refusal ?? 401)})`);
      expect(fallen).toEqual([]);
      expect(await kind.useGenuine()).toBe(200);
    },
    PATIENCE_MS,
  );

  it('have a checksum that is worked out as the server does it, so that forged keys are refused for being unknown', async () => {
    const { token } = await site.worker();
    expect(withChecksum(token.slice(0, -6))).toBe(token);
  });
});

describe('the same variants, on a server that is broken', () => {
  it(
    'are found to be accepted when access tokens are left to the library',
    async () => {
      const service = server.app.get(AccessTokensService);
      const naive = new JwtService({ secret: JWT_SECRET });
      const kind = (await KINDS['access tokens']?.()) as Kind;
      // Turned bits are what a library does see.
      const variants = kind.variants.filter(([name]) => !/^(bit|byte)/.test(name));
      service.verify = (token) => naive.verify<AccessClaims>(token);
      const { tried, fallen } = await attack({ ...kind, variants }, variants.length).finally(() => {
        Reflect.deleteProperty(service, 'verify');
      });
      figure(12, 'control: accepted by a library alone', taken(fallen).length, 'of', tried);
      expect(taken(fallen)).toEqual(
        expect.arrayContaining(['no exp', 'no jti', 'header with a key id', 'algorithm HS512', 'issuer "somebody"']),
      );
      expect(await kind.useGenuine()).toBe(200);
    },
    PATIENCE_MS,
  );

  it(
    'are found to be accepted when secrets are compared without regard to case',
    async () => {
      const { token } = await site.worker();
      const keys = server.app.get(AccessKeysService);
      const identify = keys.identify.bind(keys);
      keys.identify = (secret) => identify(secret.toLowerCase() === token.toLowerCase() ? token : secret);
      const { fallen } = await attack((await KINDS['worker tokens']?.()) as Kind, 10_000).finally(() => {
        Reflect.deleteProperty(keys, 'identify');
      });
      figure(12, 'control: accepted where case is ignored', taken(fallen).length, 'worker tokens');
      expect(taken(fallen)).toEqual(expect.arrayContaining(['in capitals', 'in small letters']));
    },
    PATIENCE_MS,
  );

  it(
    'are found to be accepted when a refresh does not look which token it was',
    async () => {
      const { refresh_token } = await signIn(server);
      const store = server.app.get(SessionsStore);
      const rotate = store.rotate.bind(store);
      store.rotate = (_, next, device) => rotate(hashOfSecret(refresh_token), next, device);
      const use = async (text: string) => (await refresh(text)).status;
      const kind = { name: 'refresh tokens', use, variants: alteredSecrets(refresh_token).filter(inBody) };
      const { fallen } = await attack({ ...kind, useGenuine: () => use(refresh_token) }, 20).finally(() => {
        Reflect.deleteProperty(store, 'rotate');
      });
      expect(taken(fallen).length).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );
});
