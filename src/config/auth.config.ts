import { onOff, registrationKey, secret, whole } from './readers.js';
import { Variable } from './variable.js';

/** Sign-in, tokens and keys. */
export class AuthConfig {
  @Variable({
    name: 'JWT_SECRET',
    about: 'Key that signs access tokens, at least 32 bytes. Generated once in development.',
    read: secret,
    secret: true,
  })
  readonly jwt_secret!: string;

  @Variable({
    name: 'JWT_EXPIRATION',
    about: 'Life of an access token in seconds.',
    read: whole(30, 86_400),
    default: 3600,
  })
  readonly jwt_expiration!: number;

  @Variable({
    name: 'REFRESH_EXPIRATION',
    about: 'Life of a refresh token in seconds.',
    read: whole(60, 31_536_000),
    default: 604_800,
  })
  readonly refresh_expiration!: number;

  @Variable({
    name: 'SESSION_LIFETIME',
    about: 'Seconds after which a session ends, however often it is refreshed.',
    read: whole(60, 315_360_000),
    default: 2_592_000,
  })
  readonly session_lifetime!: number;

  @Variable({
    name: 'MOCK_LOGIN',
    about:
      'Sign-in without GitHub, for development. The server does not start with it on in production or beyond loopback.',
    read: onOff,
    default: false,
  })
  readonly mock_login!: boolean;

  @Variable({
    name: 'WORKER_REGISTRATION_KEY',
    about: 'A key (`myk_...`) with which workers of every organization may register. Generated once in development.',
    read: registrationKey,
    default: '',
    secret: true,
  })
  readonly worker_registration_key!: string;
}
