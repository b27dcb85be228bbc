import { newId } from '../src/ids.js';
import { HEAD, type Claims, type Forger, type Variants } from './forger.js';

const IDS = ['sub', 'sid', 'org', 'jti'];

/** Tokens with a right signature that say something else than the server says, or say it in another way. */
export const forgedClaims = (forger: Forger): Variants => [
  ...headers.map(([name, head]): [string, string] => [`header with ${name}`, forger.signed(head, forger.claims)]),
  ...payloads(forger.claims).map(([name, body]): [string, string] => [`payload ${name}`, forger.signed(HEAD, body)]),
  ...[...missing(forger.claims), ...ids(forger.claims), ...times(), ...names()].map(
    ([name, change]): [string, string] => [name, forger.withClaims(change)],
  ),
];

/** Tokens in the form of the server's own, of sessions, people and organizations that do not belong together. */
export const forgedSessions = (forger: Forger): Variants =>
  IDS.filter((name) => name !== 'jti').flatMap((name): Variants => [
    [`${name} of nobody`, forger.withClaims({ [name]: newId() })],
    [`${name} nil`, forger.withClaims({ [name]: '00000000-0000-0000-0000-000000000000' })],
    [`${name} that of another claim`, forger.withClaims({ [name]: forger.claims['jti'] })],
  ]);

/** Keys, types and demands that the caller names. */
const headers: readonly [string, unknown][] = [
  ['no algorithm', { typ: 'JWT' }],
  ['no type', { alg: 'HS256' }],
  ['nothing in it', {}],
  ['the type at+jwt', { ...HEAD, typ: 'at+jwt' }],
  ['the type jwt', { ...HEAD, typ: 'jwt' }],
  ['the type JWE', { ...HEAD, typ: 'JWE' }],
  ['the type null', { ...HEAD, typ: null }],
  ['a list of algorithms', { ...HEAD, alg: ['HS256'] }],
  ['the algorithm null', { ...HEAD, alg: null }],
  ['a key id', { ...HEAD, kid: '../../dev/null' }],
  ['a key id that is SQL', { ...HEAD, kid: "' union select 'x" }],
  ['a key', { ...HEAD, jwk: { kty: 'oct', k: 'AA' } }],
  ['an address of keys', { ...HEAD, jku: 'https://127.0.0.1/keys' }],
  ['an address of a certificate', { ...HEAD, x5u: 'https://127.0.0.1/certificate' }],
  ['a certificate', { ...HEAD, x5c: ['AA=='] }],
  ['a thumbprint', { ...HEAD, 'x5t#S256': 'AA' }],
  ['a content type', { ...HEAD, cty: 'JWT' }],
  ['compression', { ...HEAD, zip: 'DEF' }],
  ['an unencoded payload', { ...HEAD, crit: ['b64'], b64: false }],
  ['an unknown demand', { ...HEAD, crit: ['exp'] }],
  ['its names in another order', { typ: 'JWT', alg: 'HS256' }],
  ['blanks', '{"alg": "HS256", "typ": "JWT"}'],
  ['a name twice', '{"alg":"none","alg":"HS256","typ":"JWT"}'],
  ['an escaped name', '{"\\u0061lg":"HS256","typ":"JWT"}'],
  ['a byte order mark', '\ufeff{"alg":"HS256","typ":"JWT"}'],
  ['null for all', 'null'],
  ['a list for all', '[]'],
  ['no JSON', '{'],
];

/** Bodies that are not an object of claims at all. */
const payloads = (claims: Claims): [string, unknown][] => [
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '1'],
  ['a text', '"hello"'],
  ['a list', '[]'],
  ['a list of claims', JSON.stringify([claims])],
  ['empty', ''],
  ['no JSON', '{"sub":'],
  ['JSON with something behind', `${JSON.stringify(claims)}x`],
  ['without claims', {}],
  ['with an endless exp', JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400')],
];

const missing = (claims: Claims): [string, Claims][] =>
  Object.keys(claims).map((name) => [`no ${name}`, { [name]: undefined }]);

function ids(claims: Claims): [string, Claims][] {
  return IDS.flatMap((name) => {
    const id = String(claims[name]);
    const wrong: unknown[] = [null, 0, 1, true, '', ' ', '*', '%', 'null', "' or true --", {}, [], [id], { id }];
    wrong.push(id.toUpperCase(), id.replaceAll('-', ''), `{${id}}`, `${id} `, `${id}\0`, id.slice(1), `${id}0`);
    return wrong.map((value): [string, Claims] => [`${name} ${JSON.stringify(value)}`, { [name]: value }]);
  });
}

function times(): [string, Claims][] {
  const now = Math.floor(Date.now() / 1000);
  const untimely: unknown[] = [null, String(now + 3600), '', 'never', true, {}, [now + 3600], now + 3600.5, 2 ** 60];
  const past = [0, 1, -1, -(2 ** 40), now - 3600, now - 1, now];
  return [
    ...['iat', 'exp'].flatMap((name) =>
      untimely.map((value): [string, Claims] => [`${name} ${JSON.stringify(value)}`, { [name]: value }]),
    ),
    ...past.map((exp): [string, Claims] => [`exp ${String(exp - now)} s from now`, { exp }]),
    ['not before tomorrow', { nbf: now + 86_400 }],
    ['not before a text', { nbf: 'never' }],
  ];
}

/** Who made it, and for whom. */
function names(): [string, Claims][] {
  const issuers: unknown[] = ['somebody', 'Miyabi', 'miyabi ', '', null, ['miyabi'], { a: 'miyabi' }];
  const audiences: unknown[] = ['another-api', 'miyabi', 'Miyabi-API', '', null, [], ['miyabi-api']];
  audiences.push(['miyabi-api', 'another-api'], ['another-api', 'miyabi-api'], { a: 'miyabi-api' });
  return [
    ...issuers.map((iss): [string, Claims] => [`issuer ${JSON.stringify(iss)}`, { iss }]),
    ...audiences.map((aud): [string, Claims] => [`audience ${JSON.stringify(aud)}`, { aud }]),
  ];
}
