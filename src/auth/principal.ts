import { DomainError } from '../domain-error.js';
import type { Permission, Role } from './permissions.js';

/** Who did something, as tasks, events and audit entries carry it. */
export interface Actor {
  type: 'user' | 'api_key' | 'worker' | 'coordinator' | 'execution' | 'github' | 'system';
  id: string | null;
  login: string | null;
  trigger: string | null;
}

interface BasePrincipal {
  /** Id of the user, key, worker, coordinator or join token. */
  id: string;
  permissions: ReadonlySet<Permission>;
  actor: Actor;
}

/** A person with an access token: always within one organization. */
export interface UserPrincipal extends BasePrincipal {
  kind: 'user';
  organization_id: string;
  session_id: string;
  /** How the session began. */
  origin: 'mock' | 'github';
  /** Whether they administer the instance. */
  is_administrator: boolean;
  role: Role;
  login: string;
}

/** A program with a key. Without an organization it speaks for the instance. */
export interface KeyPrincipal extends BasePrincipal {
  kind: 'api_key';
  organization_id: string | null;
  /** The person who made it, and what they are in its organization now; null for the registration key. */
  maker: { id: string; role: Role } | null;
}

/** A worker with its own token. Without an organization it serves every one. */
export interface WorkerPrincipal extends BasePrincipal {
  kind: 'worker';
  /** Id of the token it came with: a worker that has begun anew has another one. */
  key_id: string;
  organization_id: string | null;
}

/** A coordinator with its own token: it speaks for itself, and lets its own workers in. Without an organization it serves every one. */
export interface CoordinatorPrincipal extends BasePrincipal {
  kind: 'coordinator';
  /** Id of the token it came with. */
  key_id: string;
  organization_id: string | null;
}

/**
 * A machine with a join token: it may become a worker of the organization, or with `host_join` a coordinator of it, and
 * nothing else.
 */
export interface JoinPrincipal extends BasePrincipal {
  kind: 'join' | 'host_join';
  organization_id: string;
}

export type Principal = UserPrincipal | KeyPrincipal | WorkerPrincipal | CoordinatorPrincipal | JoinPrincipal;

/** What the system does by itself: sweeps, retries, seeds. */
export const SYSTEM: Actor = { type: 'system', id: null, login: null, trigger: null };

/** The organization a caller works in. Throws 403 for a caller of the instance, which has none. */
export function organizationOf(principal: Principal): string {
  if (principal.organization_id !== null) return principal.organization_id;
  throw new DomainError(
    'auth/no-organization',
    'forbidden',
    'This key belongs to no organization, so it has none to read.',
  );
}
