import { Injectable } from '@nestjs/common';
import { GithubConfig } from '../config/github.config.js';
import { callBounded } from './bounded-call.js';
import {
  readEmail,
  readGrant,
  readMembership,
  readProfile,
  type GithubProfile,
  type GithubTokenGrant,
} from './github-answers.js';

const USER_AGENT = 'miyabi-control-plane';
const EMAIL_SCOPES = ['user', 'user:email'];

/** What a sign-in asks GitHub. Each call ends by the deadline it is given and throws SignInFailed, nothing else. */
@Injectable()
export class GithubApiService {
  constructor(private readonly config: GithubConfig) {}

  /** When all calls of a sign-in that begins now have to be over. */
  deadline(): AbortSignal {
    return AbortSignal.timeout(this.config.timeout_seconds * 1000);
  }

  /** Exchanges a code; `parameters` are those of the authorization, `code_verifier` and `redirect_uri` among them. */
  async exchange(
    code: string,
    parameters: Readonly<Record<string, string>>,
    deadline: AbortSignal,
  ): Promise<GithubTokenGrant> {
    const { client_id, client_secret, token_url } = this.config;
    const { value } = await callBounded(token_url, {
      method: 'POST',
      headers: { Accept: 'application/json', 'User-Agent': USER_AGENT },
      body: new URLSearchParams({ ...parameters, client_id, client_secret, code }),
      deadline,
    });
    return readGrant(value);
  }

  /** The person behind a token; their address only where the token may read it. */
  async profile({ token, scopes }: GithubTokenGrant, deadline: AbortSignal): Promise<GithubProfile> {
    const profile = readProfile((await this.get('/user', token, deadline)).value);
    if (!scopes.some((scope) => EMAIL_SCOPES.includes(scope))) return { ...profile, email: null };
    return { ...profile, email: readEmail((await this.get('/user/emails', token, deadline)).value) };
  }

  /** Whether the person is an active member of a GitHub organization, as far as the token may know. */
  async isMember(organization: string, token: string, deadline: AbortSignal): Promise<boolean> {
    const path = `/user/memberships/orgs/${encodeURIComponent(organization)}`;
    const { status, value } = await this.get(path, token, deadline, [403, 404]);
    return status === 200 && readMembership(value);
  }

  private get(path: string, token: string, deadline: AbortSignal, alsoFine?: readonly number[]) {
    const headers = {
      Accept: 'application/vnd.github+json',
      Authorization: `Bearer ${token}`,
      'User-Agent': USER_AGENT,
      'X-GitHub-Api-Version': '2022-11-28',
    };
    const base = this.config.api_url.replace(/\/+$/, '');
    return callBounded(base + path, { method: 'GET', headers, deadline }, alsoFine);
  }
}
