import type { Access, TokenKind } from './access.js';
import {
  MissingPermission,
  NotThisCoordinator,
  NotThisWorker,
  OnlyCoordinators,
  OnlyPeople,
  OnlyWorkers,
} from './auth.errors.js';
import type { Principal } from './principal.js';

/**
 * Throws unless the caller may use a route that demands `access`. `named_id` is the worker or the coordinator that the path
 * names, if any: to one of them, others are not there. Tokens of the kinds in `welcome` need no permission there.
 */
export function assertAllowed(
  principal: Principal,
  access: Exclude<Access, 'public'>,
  named_id: string | null,
  welcome: readonly TokenKind[] = [],
): void {
  if (welcome.some((kind) => kind === principal.kind)) return;
  switch (access) {
    case 'worker':
      if (principal.kind !== 'worker') throw new OnlyWorkers();
      if (named_id !== null && named_id !== principal.id) throw new NotThisWorker();
      return;
    case 'coordinator':
      if (principal.kind !== 'coordinator') throw new OnlyCoordinators();
      if (named_id !== null && named_id !== principal.id) throw new NotThisCoordinator();
      return;
    case 'signed-in':
      if (principal.kind !== 'user' && principal.kind !== 'api_key') throw new OnlyPeople();
      return;
    default:
      if (!principal.permissions.has(access)) throw new MissingPermission(access);
  }
}
