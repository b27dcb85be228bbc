import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { OauthState } from './oauth-state.entity.js';

/** A state that was taken out; `alive` tells whether its time was not over. */
export type TakenState = Pick<OauthState, 'browser_hash' | 'sealed_verifier' | 'redirect'> & { alive: boolean };

/** Every query on sign-ins that have left for GitHub. */
@Injectable()
export class OauthStatesStore {
  constructor(private readonly database: Database) {}

  async insert(
    state: Pick<OauthState, 'state_hash' | 'browser_hash' | 'sealed_verifier' | 'redirect'>,
    life: number,
  ): Promise<void> {
    await this.database.query(
      `insert into oauth_states (state_hash, browser_hash, sealed_verifier, redirect, expires_at)
       values ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
      [state.state_hash, state.browser_hash, state.sealed_verifier, state.redirect, life],
    );
  }

  /** Of two that come with the same state only one gets it. */
  async take(state_hash: Buffer): Promise<TakenState | null> {
    return this.database.one<TakenState>(
      `delete from oauth_states where state_hash = $1
       returning browser_hash, sealed_verifier, redirect, expires_at > now() as alive`,
      [state_hash],
    );
  }
}
