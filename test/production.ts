import { randomBytes } from 'node:crypto';
import type { Environment } from '../src/config/load.js';

/** What a server in production cannot do without, beside what every test server has. Nobody listens at that GitHub. */
export const PRODUCTION: Environment = {
  NODE_ENV: 'production',
  MOCK_LOGIN: 'off',
  PUBLIC_URL: 'https://miyabi.example.org',
  GITHUB_CLIENT_ID: 'Iv1.nobody',
  GITHUB_CLIENT_SECRET: 'secret-of-nobody',
  GITHUB_AUTHORIZE_URL: 'http://127.0.0.1:9/login/oauth/authorize',
  GITHUB_TOKEN_URL: 'http://127.0.0.1:9/login/oauth/access_token',
  GITHUB_API_URL: 'http://127.0.0.1:9/api',
  TOKEN_ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
};
