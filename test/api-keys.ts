import { caller, type Member } from './memberships.js';
import type { TestApp } from './test-app.js';

/** A key as lists show it. */
export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  permissions: string[];
  created_by: { id: string; login: string } | null;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface MadeKey {
  api_key: ApiKey;
  secret: string;
}

export interface KeyPage {
  items: ApiKey[];
  next_cursor: string | null;
}

/** A new key of the person. */
export async function makeKey(server: TestApp, { token }: Member, ...permissions: string[]): Promise<MadeKey> {
  const { body } = await caller(server, token).post('api-keys', { name: 'CI', permissions }).expect(201);
  return body as MadeKey;
}

/** The keys that the holder of a token sees. */
export const keysOf = async (server: TestApp, token: string, query = ''): Promise<KeyPage> =>
  (await caller(server, token).get(`api-keys?${query}`).expect(200)).body as KeyPage;
