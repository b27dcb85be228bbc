import { Injectable, Logger } from '@nestjs/common';
import { SignUpClosed } from '../auth/auth.errors.js';
import { AuthService, type SignedIn } from '../auth/auth.service.js';
import { UsersService } from '../auth/users.service.js';
import { GithubConfig } from '../config/github.config.js';
import { Addresses } from '../http/addresses.js';
import { GithubApiService } from './github-api.service.js';
import { SignInFailed } from './github.errors.js';
import type { GithubGrant } from './github.strategy.js';
import { GithubTokensService } from './github-tokens.service.js';

/** Where a browser goes now, and with which session; null when there is none. */
export interface Welcome {
  location: string;
  signed_in: SignedIn | null;
}

/** Sign-ins of people whom GitHub has vouched for. */
@Injectable()
export class GithubSignInService {
  private readonly logger = new Logger(GithubSignInService.name);

  constructor(
    private readonly auth: AuthService,
    private readonly users: UsersService,
    private readonly tokens: GithubTokensService,
    private readonly api: GithubApiService,
    private readonly addresses: Addresses,
    private readonly config: GithubConfig,
  ) {}

  /** Begins a session, or says why not in `?error=`; what GitHub or the policy refuses is no exception here. */
  async welcome(redirect: string, arrived: { grant: GithubGrant } | { failed: SignInFailed }): Promise<Welcome> {
    const { profile = null } = 'grant' in arrived ? arrived.grant : {};
    try {
      if ('failed' in arrived) throw arrived.failed;
      const signed_in = await this.signIn(arrived.grant);
      return { location: this.addresses.of(redirect), signed_in };
    } catch (error) {
      const cause = error instanceof SignUpClosed ? 'sign_up_closed' : failureOf(error);
      this.logger.warn({ err: error, cause }, 'a sign-in through GitHub came to nothing');
      await this.auth.recordFailure('github', cause, profile);
      const location = new URL(this.addresses.of(redirect));
      location.searchParams.set('error', cause);
      return { location: location.href, signed_in: null };
    }
  }

  private async signIn(grant: GithubGrant): Promise<SignedIn> {
    const { profile } = grant;
    // Asked before the transaction: none of ours waits for a network.
    const vouched = await this.isVouchedFor(grant);
    return this.auth.signIn('github', async () => {
      const user = await this.users.saveGithub(profile, vouched);
      await this.tokens.keep(user.id, grant);
      return user;
    });
  }

  /** Whether somebody new belongs to the GitHub organization whose members may sign up. */
  private async isVouchedFor({ profile, token, deadline }: GithubGrant): Promise<boolean> {
    const organization = this.config.sign_up_organization;
    if (organization === null || (await this.users.isKnown(profile.github_id))) return false;
    return this.api.isMember(organization, token, deadline);
  }
}

function failureOf(error: unknown): string {
  if (error instanceof SignInFailed) return error.failure;
  throw error;
}
