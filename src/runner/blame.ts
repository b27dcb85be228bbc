import type { Fault } from './fault.js';
import type { Failure } from './house-guard.js';
import type { House } from './house.js';
import { programOf } from './launch.js';
import type { Finish, Grant } from './protocol.js';

/** What the guard of the house is told of an end; null when it was no failure. */
export function failureFor(
  { settings, launchers }: Pick<House, 'settings' | 'launchers'>,
  grant: Grant,
  { outcome, failure_reason: reason = 'unknown', error_message: message = '' }: Finish,
  fault: Fault | null,
): Failure | null {
  if (outcome !== 'failed') return null;
  const { organization_id } = grant.task;
  // One organization must not be able to stop a worker that serves others, whatever its repositories and agents do.
  const of =
    settings.runner.worker_scope === 'instance' ? organization_id : (grant.repository?.id ?? `agent ${grant.agent.id}`);
  const isForeign = reason === 'auth' && !launchers.has(programOf(grant));
  return { reason, message, of, blame: isForeign ? 'task' : fault?.blame };
}
