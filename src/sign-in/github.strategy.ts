import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-github2';
import { GithubConfig } from '../config/github.config.js';
import { newId } from '../ids.js';
import type { GithubProfile, GithubTokenGrant } from './github-answers.js';
import { GithubApiService } from './github-api.service.js';
import { OauthStatesService, type Departure } from './oauth-states.service.js';

type StrategyOptionsOfLibrary = ConstructorParameters<typeof Strategy>[0];
type Request = Parameters<Strategy['authenticate']>[0];

export const CALLBACK_PATH = '/api/v1/auth/github/callback';

/** A browser on its way to GitHub. */
export interface Leaving {
  location: string;
  /** For its cookie. */
  browser: string;
}

/** How the guards call the strategy. */
export interface StrategyOptions {
  callbackURL: string;
  /** Who leaves, and for where; absent for who comes back. */
  departure?: Omit<Departure, 'verifier'>;
}

/** What is known of a request that comes back from GitHub. */
export interface ReturningRequest {
  /** What the browser's signed cookie holds. */
  browser: string | null;
  /** Own path to go to; known once the state has been accepted. */
  redirect?: string;
}

/** Somebody whom GitHub has vouched for. */
export interface GithubGrant extends GithubTokenGrant {
  profile: GithubProfile;
  /** Ends what may still be asked of GitHub for this sign-in. */
  deadline: AbortSignal;
}

/** What the library takes for the profile: it hands it on as it is. */
type Profile = Pick<GithubGrant, 'profile' | 'deadline'>;

// The library says that there is always an error, and looks whether there is one.
type ExchangeDone = (error: never, token: string, refresh_token: string, answer: GithubTokenGrant) => void;

/** Requests that came back, by the request of Express: the library has no other place for what is ours. */
export const returning = new WeakMap<object, ReturningRequest>();

/** Keeps `state` and the PKCE verifier in the database, where the library would have them in a session. */
class StateStore {
  constructor(private readonly states: OauthStatesService) {}

  // The library tells its callbacks by the number of parameters: five to store, four to verify.
  store(
    _request: Request,
    verifier: string,
    departure: Omit<Departure, 'verifier'>,
    _meta: unknown,
    done: (error: unknown, state?: string) => void,
  ): void {
    this.states
      .leave({ ...departure, verifier })
      .then((state) => done(null, state))
      .catch(done);
  }

  verify(request: Request, state: unknown, _meta: unknown, done: (error: unknown, verifier?: string) => void): void {
    const visit = returning.get(request) ?? { browser: null };
    this.states
      .arrive(state, visit.browser)
      .then(({ verifier, redirect }) => {
        visit.redirect = redirect;
        done(null, verifier);
      })
      .catch(done);
  }
}

/**
 * passport-github2 with its calls replaced by bounded ones. Its own wait for ever for an answer that breaks off, keep
 * whatever is sent, and throw out of reach of every handler when JSON is `null`: docs/decisions/github-sign-in.md.
 */
@Injectable()
export class GithubStrategy extends PassportStrategy(Strategy, undefined, 5) {
  constructor(
    config: GithubConfig,
    states: OauthStatesService,
    private readonly api: GithubApiService,
  ) {
    super({
      // Strategies are registered by name for the whole process; several applications in one must not meet.
      name: `github ${newId()}`,
      clientID: config.client_id || 'off',
      clientSecret: config.client_secret,
      callbackURL: '',
      authorizationURL: config.authorize_url,
      tokenURL: config.token_url,
      scope: [...config.scopes],
      scopeSeparator: ' ',
      pkce: true,
      store: new StateStore(states),
    } as object as StrategyOptionsOfLibrary);
  }

  /** The library calls it on an object of this request alone, whose prototype is the strategy. */
  override authenticate(request: Request, options?: object): void {
    const { callbackURL, departure } = options as StrategyOptions;
    if (departure === undefined) this.bindCalls();
    // Answered by the controller, like everything else.
    else this.redirect = (location) => this.success({ location, browser: departure.browser } satisfies Leaving);
    // What is no text comes to the store as it is.
    super.authenticate(request, { callbackURL, state: departure } as object);
  }

  /** What the library verifies by: everything it has learned is the user. */
  validate(
    token: string,
    _refresh: unknown,
    { scopes }: GithubTokenGrant,
    { profile, deadline }: Profile,
  ): GithubGrant {
    return { token, scopes, profile, deadline };
  }

  /** From here on everything that is asked of GitHub has to end by one deadline. */
  private bindCalls(): void {
    const deadline = this.api.deadline();
    let grant: GithubTokenGrant = { token: '', scopes: [] };
    const exchange = Object.create(this._oauth2) as typeof this._oauth2;
    exchange.getOAuthAccessToken = (code: string, parameters: unknown, done?: ExchangeDone) => {
      this.api
        .exchange(code, parameters as Record<string, string>, deadline)
        .then((answer) => {
          grant = answer;
          done?.(null as never, answer.token, '', answer);
        })
        .catch((error: unknown) => this.error(error as Error));
    };
    this._oauth2 = exchange;
    this.userProfile = (_token, done) => {
      this.api
        .profile(grant, deadline)
        .then((profile) => done(null, { profile, deadline } satisfies Profile))
        .catch((error: unknown) => this.error(error as Error));
    };
  }
}
