import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hashOfSecret } from '../auth/keys.js';
import { SecretCipher } from '../auth/secret-cipher.js';
import { WrongState } from './github.errors.js';
import { OauthStatesStore } from './oauth-states.store.js';

/** Seconds that a person has to say yes at GitHub. */
export const STATE_LIFE_SECONDS = 600;

const SECRET_BYTES = 32;
const SECRET = /^[\w-]{43}$/;

/** A sign-in that has left for GitHub. */
export interface Departure {
  /** What only this browser holds. */
  browser: string;
  /** The PKCE verifier (RFC 7636). */
  verifier: string;
  /** Own path to go to afterwards. */
  redirect: string;
}

/** Sign-ins on their way to GitHub and back: each returns once, with the browser it left with, within ten minutes. */
@Injectable()
export class OauthStatesService {
  constructor(
    private readonly store: OauthStatesStore,
    private readonly cipher: SecretCipher,
  ) {}

  /** What tells a browser from others. One that has a sign-in under way keeps its own, so that two tabs get through. */
  browserFor(known: string | null): string {
    return known !== null && SECRET.test(known) ? known : randomBytes(SECRET_BYTES).toString('base64url');
  }

  /** Notes a departure and gives its `state`: 256 random bits, of which only the hash is kept. */
  async leave({ browser, verifier, redirect }: Departure): Promise<string> {
    const state = randomBytes(SECRET_BYTES).toString('base64url');
    const state_hash = hashOfSecret(state);
    const sealed_verifier = this.cipher.seal(verifier, contextOf(state_hash));
    const browser_hash = hashOfSecret(browser);
    await this.store.insert({ state_hash, browser_hash, sealed_verifier, redirect }, STATE_LIFE_SECONDS);
    return state;
  }

  /** Uses a state up, whoever comes with it. Throws WrongState unless it is this browser's and still good. */
  async arrive(state: unknown, browser: string | null): Promise<Omit<Departure, 'browser'>> {
    if (typeof state !== 'string' || !SECRET.test(state)) throw new WrongState();
    const state_hash = hashOfSecret(state);
    const taken = await this.store.take(state_hash);
    if (!taken?.alive || browser === null || !timingSafeEqual(hashOfSecret(browser), taken.browser_hash))
      throw new WrongState();
    return { verifier: this.cipher.open(taken.sealed_verifier, contextOf(state_hash)), redirect: taken.redirect };
  }
}

const contextOf = (state_hash: Buffer): string => `verifier of ${state_hash.toString('hex')}`;
