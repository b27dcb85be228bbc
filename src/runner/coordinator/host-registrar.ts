import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { CoordinatorSettings } from '../../config/coordinator.config.js';
import { Refused } from '../control-plane.js';
import { untilAnswered } from '../patience.js';
import type { Membership } from '../membership.js';
import { NotRegistered } from '../registration.js';
import type { CoordinatorPlane } from './coordinator-plane.js';

export interface HostRegistrarParts {
  readonly settings: CoordinatorSettings;
  readonly plane: CoordinatorPlane;
  readonly membership: Membership;
  readonly log: Logger;
  /** Told of each token before it is used. */
  readonly onToken: (token: string) => void;
}

/** Gets a coordinator its token. */
export class HostRegistrar {
  constructor(private readonly parts: HostRegistrarParts) {}

  /** Waits while the server is away. Rejects with NotRegistered when that would not help, or the reason of the signal. */
  async register({
    replace,
    signal,
  }: {
    replace: boolean;
    signal: AbortSignal;
  }): ReturnType<CoordinatorPlane['register']> {
    const { plane, settings, membership, log, onToken } = this.parts;
    const { name } = membership;
    const { workers } = settings.coordinator;
    const { worker_scope: scope, capacity, labels, url } = settings.runner;
    const body = { name, host: hostname(), scope, capacity: workers * capacity, labels: [...labels], replace };
    try {
      const answer = await untilAnswered(() => plane.register(body, signal), {
        signal,
        renew: (refused) => (membership.refused() ? Promise.resolve() : Promise.reject(refused)),
        onWait: (error) => log.warn({ url, reason: error.message }, 'waiting for the server'),
      });
      onToken(answer.token);
      // Whoever is signed in comes with that again. The name stays that of its workers, whatever it is called meanwhile.
      if (membership.secret !== '') await membership.keep({ id: answer.coordinator.id, name, token: answer.token });
      log.info({ coordinator_id: answer.coordinator.id, name }, 'the coordinator is registered');
      return answer;
    } catch (error) {
      throw error instanceof Refused ? new NotRegistered(explain(error, name, url), { cause: error }) : error;
    }
  }
}

function explain(error: Refused, name: string, url: string): string {
  if (error.status === 401)
    return `The server does not accept what this coordinator came with. Join this machine again, with the command that \`miyabi workers invite --coordinator\` prints, or set MIYABI_KEY.`;
  if (error.code === 'coordinator/name-taken')
    return `Another process now works under the name ${JSON.stringify(name)}; this one ends. Give each coordinator its own MIYABI_COORDINATOR_NAME.`;
  if (error.status === 403) return `What this coordinator came with may not register coordinators: ${error.detail}`;
  if (error.status === 404) return `There is no Miyabi server with coordinators at ${url} (404).`;
  return `The server refused the registration: ${error.message}`;
}
