import type { Role } from '../auth/permissions.js';
import type { Principal } from '../auth/principal.js';
import { LaunchForManagers } from './agents.errors.js';

const MANAGERS: readonly Role[] = ['owner', 'admin'];

/** Throws unless the caller, or who made the caller's key, may say which program is run on the workers. */
export function assertMayLaunch(principal: Principal): void {
  const role = roleOf(principal);
  if (role === null || !MANAGERS.includes(role)) throw new LaunchForManagers();
}

function roleOf(principal: Principal): Role | null {
  if (principal.kind === 'user') return principal.role;
  return principal.kind === 'api_key' ? (principal.maker?.role ?? null) : null;
}
