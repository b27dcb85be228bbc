import { seconds, text, url } from './readers.js';
import { Variable, type Reader } from './variable.js';

/** Who may sign in for the first time. */
export type SignUp = 'invited' | 'open' | `github-org:${string}`;

/** A key that secrets are encrypted with which must be read again. */
export interface EncryptionKey {
  id: string;
  /** 32 bytes, for AES-256. */
  key: Buffer;
}

const GITHUB_ORGANIZATION = 'github-org:';

const signUp: Reader<SignUp> = (value) => {
  if (value === 'invited' || value === 'open') return value;
  if (/^github-org:[a-z\d][a-z\d-]{0,38}$/i.test(value)) return value as SignUp;
  throw new Error('must be invited, open or github-org:<name of a GitHub organization>');
};

const scopes: Reader<readonly string[]> = (value) => {
  const words = value.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0 || !words.every((word) => /^[a-z_:]{1,40}$/.test(word)))
    throw new Error('must be names of GitHub scopes, separated by blanks');
  return words;
};

const encryptionKeys: Reader<readonly EncryptionKey[]> = (value) => {
  const keys = value.split(',').map((part) => encryptionKey(part.trim()));
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('must give each key an id of its own');
  return keys;
};

function encryptionKey(entry: string): EncryptionKey {
  const [, id, encoded] = /^([\w-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(entry) ?? [];
  const key = Buffer.from(encoded ?? '', 'base64');
  // Base64 has several texts for the same bytes; the others are typing errors.
  if (id === undefined || key.length !== 32 || key.toString('base64') !== encoded)
    throw new Error('must be `id:base64 of 32 bytes`, several separated by commas');
  return { id, key };
}

/** Sign-in through GitHub or GitHub Enterprise, and who may come in that way. */
export class GithubConfig {
  @Variable({
    name: 'GITHUB_CLIENT_ID',
    about: 'Client id of the OAuth app at GitHub through which people sign in. Without it GitHub sign-in is off.',
    read: text,
    development: '',
  })
  readonly client_id!: string;

  @Variable({
    name: 'GITHUB_CLIENT_SECRET',
    about: 'Client secret of that OAuth app.',
    read: text,
    development: '',
    secret: true,
  })
  readonly client_secret!: string;

  @Variable({
    name: 'GITHUB_AUTHORIZE_URL',
    about: 'Page of GitHub where people agree; GitHub Enterprise has its own.',
    read: url('http', 'https'),
    default: 'https://github.com/login/oauth/authorize',
  })
  readonly authorize_url!: string;

  @Variable({
    name: 'GITHUB_TOKEN_URL',
    about: 'Where GitHub exchanges codes for tokens.',
    read: url('http', 'https'),
    default: 'https://github.com/login/oauth/access_token',
  })
  readonly token_url!: string;

  @Variable({
    name: 'GITHUB_API_URL',
    about: "Base of GitHub's REST API.",
    read: url('http', 'https'),
    default: 'https://api.github.com',
  })
  readonly api_url!: string;

  @Variable({
    name: 'GITHUB_SCOPES',
    about: 'What people are asked to grant, separated by blanks. `read:org` is added where SIGN_UP needs it.',
    read: scopes,
    default: ['read:user', 'user:email'],
  })
  readonly wanted_scopes!: readonly string[];

  @Variable({
    name: 'GITHUB_TIMEOUT_SECONDS',
    about: 'How long GitHub may take for all that one sign-in asks it.',
    read: seconds(0.05, 60),
    default: 10,
  })
  readonly timeout_seconds!: number;

  @Variable({
    name: 'FRONTEND_URL',
    about: 'Where browsers go after a sign-in, with the path they came for. Default: PUBLIC_URL.',
    read: url('http', 'https'),
    default: '',
  })
  readonly frontend_url!: string;

  @Variable({
    name: 'SIGN_UP',
    about:
      'Who may sign in for the first time: `open` is everybody, `invited` the very first person and then those with an invitation, `github-org:<name>` members of that GitHub organization.',
    read: signUp,
    default: 'invited',
    development: 'open',
  })
  readonly sign_up!: SignUp;

  @Variable({
    name: 'TOKEN_ENCRYPTION_KEYS',
    about:
      'Keys that encrypt tokens of GitHub and credentials of repositories, `id:base64 of 32 bytes`, separated by commas. The first one encrypts, all decrypt. Made once in development.',
    read: encryptionKeys,
    development: [],
    secret: true,
  })
  readonly token_encryption_keys!: readonly EncryptionKey[];

  /** Whether people can sign in through GitHub here. */
  get enabled(): boolean {
    return this.client_id !== '';
  }

  /** The GitHub organization whose members may sign in for the first time; null when that is not the policy. */
  get sign_up_organization(): string | null {
    return this.sign_up.startsWith(GITHUB_ORGANIZATION) ? this.sign_up.slice(GITHUB_ORGANIZATION.length) : null;
  }

  /** What people are asked to grant. */
  get scopes(): readonly string[] {
    return this.sign_up_organization === null ? this.wanted_scopes : [...new Set([...this.wanted_scopes, 'read:org'])];
  }

  faults(): readonly string[] {
    if (!this.enabled && this.client_secret === '') return [];
    const missing = [
      ...(this.enabled ? [] : ['GITHUB_CLIENT_ID']),
      ...(this.client_secret === '' ? ['GITHUB_CLIENT_SECRET'] : []),
      ...(this.token_encryption_keys.length === 0 ? ['TOKEN_ENCRYPTION_KEYS'] : []),
    ];
    return missing.map((name) => `${name} is required for sign-in through GitHub`);
  }
}
