import { isEmail } from 'class-validator';
import { isLosslessNumber } from 'lossless-json';
import { isGithubId } from '../auth/github-id.js';
import { cleanText } from '../http/clean-text.js';
import { SignInFailed } from './github.errors.js';

/** A person as GitHub knows them. */
export interface GithubProfile {
  /** A string of digits: ids beyond 2^53 are not exact as numbers. */
  github_id: string;
  login: string;
  name: string | null;
  avatar_url: string | null;
  /** The primary address, if GitHub has verified it. */
  email: string | null;
}

/** A token of a person, and what it is good for. */
export interface GithubTokenGrant {
  token: string;
  scopes: string[];
}

const LONGEST_NAME = 255;
const LONGEST_URL = 2048;
const MOST_SCOPES = 50;

/** Reads the answer to the exchange of a code (RFC 6749 §5.1). Throws SignInFailed. */
export function readGrant(value: unknown): GithubTokenGrant {
  const answer = objectOf(value);
  // GitHub reports its refusals with status 200.
  if (answer['error'] !== undefined) throw new SignInFailed('github_refused', 'GitHub refused the code');
  const { access_token: token, token_type: type, scope = '' } = answer;
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(token)) throw malformed('no access token');
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw malformed('a token of another type');
  if (typeof scope !== 'string') throw malformed('scopes that are no text');
  const scopes = scope.split(/[\s,]+/).filter((word) => /^[a-z_:]{1,40}$/.test(word));
  return { token, scopes: scopes.slice(0, MOST_SCOPES) };
}

/** Reads the answer to `GET /user`. Throws SignInFailed. */
export function readProfile(value: unknown): Omit<GithubProfile, 'email'> {
  const { id, login, name, avatar_url } = objectOf(value);
  if (!isLosslessNumber(id) || !isGithubId(id.value)) throw malformed('a person without an id');
  if (typeof login !== 'string' || !/^[a-z\d][\w-]{0,99}$/i.test(login)) throw malformed('a person without a login');
  return { github_id: id.value, login, name: nameOf(textOrNull(name)), avatar_url: pictureOf(textOrNull(avatar_url)) };
}

/** Reads the answer to `GET /user/emails`: the verified primary address, or null. Throws SignInFailed. */
export function readEmail(value: unknown): string | null {
  if (!Array.isArray(value)) throw malformed('addresses that are no list');
  const primary = value.map(objectOf).find((entry) => entry['primary'] === true && entry['verified'] === true);
  const email = primary?.['email'];
  return typeof email === 'string' && email.length <= 254 && isEmail(email) ? email : null;
}

/** Reads the answer to `GET /user/memberships/orgs/:org`: whether the person is in it, not only invited. */
export const readMembership = (value: unknown): boolean => objectOf(value)['state'] === 'active';

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isLosslessNumber(value))
    throw malformed('no object');
  // What the parser has put on the prototype (`__proto__`) is not looked at.
  return Object.assign(Object.create(null), value) as Record<string, unknown>;
}

function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'string') throw malformed('a text of another type');
  return value;
}

function nameOf(text: string | null): string | null {
  const name = [...cleanText(text ?? '').trim()].slice(0, LONGEST_NAME).join('');
  return name === '' ? null : name;
}

/** It is shown by browsers, so it must be an address of the web. */
const pictureOf = (text: string | null): string | null =>
  text !== null && text.length <= LONGEST_URL && /^https?:\/\/[\x21-\x7e]+$/.test(text) ? text : null;

const malformed = (what: string): SignInFailed => new SignInFailed('github_malformed', `GitHub answered with ${what}`);
