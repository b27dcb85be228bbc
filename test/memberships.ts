import { newId } from '../src/ids.js';
import { signIn, type TokenPair } from './sign-in.js';
import type { TestApp } from './test-app.js';

export type Role = 'owner' | 'admin' | 'member' | 'viewer';

/** Id of the organization that a token acts in. */
export async function organizationOf(server: TestApp, access_token: string): Promise<string> {
  const { body } = await server.request
    .get('/api/v1/auth/me')
    .set('Authorization', `Bearer ${access_token}`)
    .expect(200);
  return (body as { organization: { id: string } }).organization.id;
}

/** A further organization, without members. */
export async function newOrganization(server: TestApp, name: string): Promise<string> {
  const id = newId();
  await server.sql.query('insert into organizations (id, name) values ($1, $2)', [id, name]);
  return id;
}

/** Makes the person a member, or changes what they are. */
export async function becomes(
  server: TestApp,
  user: { id: string },
  role: Role,
  organization_id: string,
): Promise<void> {
  await server.sql.query(
    `insert into organization_members (organization_id, user_id, role) values ($1, $2, $3)
     on conflict (organization_id, user_id) do update set role = excluded.role`,
    [organization_id, user.id, role],
  );
}

export async function leaves(server: TestApp, user: { id: string }, organization_id: string): Promise<void> {
  await server.sql.query('delete from organization_members where organization_id = $1 and user_id = $2', [
    organization_id,
    user.id,
  ]);
}

/** A person with the access token of the organization they act in. */
export type Member = TokenPair & { token: string; organization_id: string };

/** What the holder of a token may ask of a server. */
export const caller = ({ request }: TestApp, token: string) => ({
  get: (path: string) => request.get(`/api/v1/${path}`).set('Authorization', `Bearer ${token}`),
  post: (path: string, body: object = {}) =>
    request.post(`/api/v1/${path}`).set('Authorization', `Bearer ${token}`).send(body),
  delete: (path: string) => request.delete(`/api/v1/${path}`).set('Authorization', `Bearer ${token}`),
});

/** Somebody new, the owner of an organization of their own. */
export async function ownerOfNew(server: TestApp): Promise<Member> {
  const pair = await signIn(server);
  return { ...pair, token: pair.access_token, organization_id: await organizationOf(server, pair.access_token) };
}

/** Somebody new who acts in the organization. */
export async function joinsAs(server: TestApp, organization_id: string, role: Role): Promise<Member> {
  const { user, access_token } = await signIn(server);
  await becomes(server, user, role, organization_id);
  const { body } = await caller(server, access_token).post('auth/switch-organization', { organization_id }).expect(200);
  const pair = body as TokenPair;
  return { ...pair, token: pair.access_token, organization_id };
}
