import type { TestApp } from './test-app.js';

/** What a sign-in answers. */
export interface TokenPair {
  access_token: string;
  token_type: string;
  expires_in: number;
  refresh_token: string;
  refresh_expires_in: number;
  user: { id: string; github_id: string; login: string; email: string; name: string | null };
}

/** Far from the ids that specs name themselves. */
let nextGithubId = 500_000;

/** Signs in without GitHub; without an id as somebody new. */
export async function signIn(server: TestApp, github_id: number = nextGithubId++): Promise<TokenPair> {
  const { body } = await server.request
    .post('/api/v1/auth/mock')
    .send({ github_id, email: `user${String(github_id)}@example.com` })
    .expect(200);
  return body as TokenPair;
}

/** Status and code of an answer: `401 auth/no-token`. */
export async function codeOf(answer: PromiseLike<{ status: number; body: unknown }>): Promise<string> {
  const { status, body } = await answer;
  return `${String(status)} ${(body as { code?: string }).code ?? ''}`.trim();
}
