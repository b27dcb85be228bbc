import { readFile } from 'node:fs/promises';
import { createMiyabiClient, type MiyabiClient } from '../client/client.js';
import type { components } from '../client/schema.generated.js';
import type { CliSettings } from '../config/cli.config.js';
import { readMembership } from '../runner/membership.js';
import { reach, refusal } from './ask.js';
import { Credentials, type Tokens } from './credentials.js';
import { CommandFailed, EXIT } from './exits.js';

/** A token this near its end is exchanged at once. */
const MARGIN_MS = 30_000;

export interface SessionOptions {
  readonly url?: string;
  readonly apiKeyFile?: string;
}

/** Which server, and as whom. */
export class Session {
  readonly credentials: Credentials;

  constructor(
    private readonly settings: CliSettings,
    private readonly options: SessionOptions,
  ) {
    this.credentials = new Credentials(settings.config_directory);
  }

  /** Address of the server: as given, or the one signed in to last, or the one this machine's worker or coordinator has joined. */
  async url(): Promise<string> {
    const given =
      (this.options.url ?? '') ||
      this.settings.url ||
      ((await this.credentials.current()) ?? (await this.joined()) ?? '');
    if (given === '')
      throw new CommandFailed(
        'Which server?',
        EXIT.usage,
        'Say it with --url or MIYABI_URL, or sign in: `miyabi login --url <address>`.',
      );
    return addressOf(given);
  }

  private async joined(): Promise<string | undefined> {
    const { worker_directory, coordinator_directory } = this.settings;
    return ((await readMembership(worker_directory)) ?? (await readMembership(coordinator_directory)))?.url;
  }

  /** A client that speaks for the person or the key. Throws CommandFailed when there is neither. */
  async client(): Promise<MiyabiClient> {
    const url = await this.url();
    await this.token(url);
    return createMiyabiClient({ url, token: () => this.token(url) });
  }

  /** A client that is nobody, for what is open to everybody. */
  async stranger(): Promise<MiyabiClient> {
    return createMiyabiClient({ url: await this.url(), token: '' });
  }

  /** The key, or the access token as it is now: a command may outlive it. */
  async token(url: string): Promise<string> {
    const key = await this.apiKey();
    if (key !== null) return key;
    const tokens = await this.credentials.of(url);
    if (tokens === null)
      throw new CommandFailed(
        `Nobody is signed in to ${url}.`,
        EXIT.signedOut,
        'Sign in with `miyabi login`, or set MIYABI_API_KEY.',
      );
    return isFresh(tokens) ? tokens.access_token : this.refresh(url);
  }

  /** The API key that was given; null for none. */
  async apiKey(): Promise<string | null> {
    const { api_key, api_key_file } = this.settings.cli;
    const file = this.options.apiKeyFile ?? (api_key === '' ? api_key_file : '');
    if (file === '') return api_key === '' ? null : api_key;
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch (error) {
      throw new CommandFailed(`The API key cannot be read: ${(error as Error).message}`, EXIT.usage);
    }
  }

  /** Keeps the tokens of a sign-in. */
  async keep(url: string, pair: components['schemas']['TokenPair']): Promise<void> {
    await this.credentials.alone(() => this.credentials.keep(url, tokensOf(pair)));
  }

  private refresh(url: string): Promise<string> {
    return this.credentials.alone(async () => {
      const tokens = await this.credentials.of(url);
      // Another command may have been faster.
      if (tokens !== null && isFresh(tokens)) return tokens.access_token;
      const body = { refresh_token: tokens?.refresh_token ?? '' };
      const client = createMiyabiClient({ url, token: '' });
      const { data, error, response } = await reach(client.POST('/api/v1/auth/refresh', { body }));
      if (data === undefined) {
        if (response.status === 401) await this.credentials.forget(url);
        throw refusal(response.status, error);
      }
      await this.credentials.keep(url, tokensOf(data));
      return data.access_token;
    });
  }
}

const isFresh = ({ access_expires_at }: Tokens): boolean => access_expires_at - MARGIN_MS > Date.now();

const tokensOf = ({ access_token, expires_in, refresh_token, user }: components['schemas']['TokenPair']): Tokens => ({
  login: user.login,
  access_token,
  access_expires_at: Date.now() + expires_in * 1000,
  refresh_token: refresh_token ?? '',
});

/** Without a slash at its end, so that one server has one name. Throws CommandFailed. */
function addressOf(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new CommandFailed(`${given} is no address of a server.`, EXIT.usage, 'It begins with http:// or https://.');
  return (url.origin + url.pathname).replace(/\/+$/, '');
}
