import type { Access, TokenKind } from './access.js';
import { MissingPermission, NotThisWorker, OnlyPeople, OnlyWorkers } from './auth.errors.js';
import type { Principal } from './principal.js';

/**
 * Throws unless the caller may use a route that demands `access`. `worker_id` is the worker that the path names, if
 * any: to a worker, others are not there. Tokens of the kinds in `welcome` need no permission there.
 */
export function assertAllowed(
  principal: Principal,
  access: Exclude<Access, 'public'>,
  worker_id: string | null,
  welcome: readonly TokenKind[] = [],
): void {
  if (welcome.some((kind) => kind === principal.kind)) return;
  switch (access) {
    case 'worker':
      if (principal.kind !== 'worker') throw new OnlyWorkers();
      if (worker_id !== null && worker_id !== principal.id) throw new NotThisWorker();
      return;
    case 'signed-in':
      if (principal.kind === 'worker' || principal.kind === 'join') throw new OnlyPeople();
      return;
    default:
      if (!principal.permissions.has(access)) throw new MissingPermission(access);
  }
}
