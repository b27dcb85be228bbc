import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { RunnerConfig } from '../config/runner.config.js';
import { Refused, Unavailable, type ControlPlane } from './control-plane.js';
import type { IsolationLevel } from './isolation/isolation.js';
import type { LauncherList } from './launcher-list.js';
import type { Membership } from './membership.js';
import { untilAnswered } from './patience.js';
import type { Registration, WorkerRegistration } from './protocol.js';

/** Version of the worker protocol this runner speaks. */
export const PROTOCOL = 1;

/** Of a server that has not told its own. */
const LEASE_SECONDS = 60;

const JOIN_AGAIN = 'Join this machine again, with the command that `miyabi workers invite` prints.';
const NOTHING_TO_SHOW = `This worker has nothing to register with: neither MIYABI_KEY nor MIYABI_JOIN_TOKEN is set, and it has not joined before. ${JOIN_AGAIN}`;

/** The worker cannot be registered, and trying again would not help. */
export class NotRegistered extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NotRegistered';
  }
}

/** Somebody has deleted this worker: it ends in order, and does not come back by itself. */
export class Dismissed extends Error {
  constructor() {
    super('this worker has been deleted; it ends, and must be started again to come back');
    this.name = 'Dismissed';
  }
}

export interface RegistrarParts {
  readonly plane: ControlPlane;
  readonly config: RunnerConfig;
  /** With what it registers. */
  readonly membership: Membership;
  readonly version: string;
  readonly launchers: LauncherList;
  /** How agents are kept from the rest of this machine. */
  readonly isolation: IsolationLevel;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Executions this worker still has something to say of. */
  readonly executions: () => readonly string[];
  /** Told of each token before it is used. */
  readonly onToken: (token: string) => void;
  /** Told when there will be no later registration. */
  readonly onRefused: (error: NotRegistered | Dismissed) => void;
}

/** Gets this worker its token, and a new one when the old one is no longer accepted. */
export class Registrar {
  private renewing: Promise<void> | null = null;
  private latest: Registration | null = null;

  constructor(private readonly parts: RegistrarParts) {}

  /** The answer of the latest registration. */
  get current(): Registration | null {
    return this.latest;
  }

  /** Registers under the configured name; an earlier worker of this name is replaced. Waits while the server is away. */
  async first(): Promise<Registration> {
    return this.register(true);
  }

  /**
   * A new token in place of one that was refused. Does not take the name from a live worker: when another process has it
   * by now, this one has been replaced; but a token that was rotated out is no sign of another process. Throws Dismissed
   * for a worker that was deleted.
   */
  async renew({ registration, code }: Pick<Refused, 'registration' | 'code'>): Promise<void> {
    const { plane, log, onRefused } = this.parts;
    // Many calls may have failed with the same token; only the first of them registers.
    if (plane.registration > registration) return;
    this.renewing ??= (async () => {
      try {
        if (code === 'auth/worker-deleted') throw new Dismissed();
        log.warn({ code }, 'the token of this worker is no longer accepted; registering anew');
        await this.register(code === 'auth/token-rotated');
      } catch (error) {
        if (error instanceof NotRegistered || error instanceof Dismissed) onRefused(error);
        throw error;
      } finally {
        this.renewing = null;
      }
    })();
    await this.renewing;
  }

  private async register(replace: boolean): Promise<Registration> {
    const { log, signal, config, onToken, membership } = this.parts;
    if (membership.secret === '') throw new NotRegistered(NOTHING_TO_SHOW);
    try {
      const answer = await untilAnswered(this.asking(replace), {
        signal,
        renew: () => this.afterRefusal(),
        onWait: (error) => log.warn({ url: config.url, reason: error.message }, 'waiting for the server'),
      });
      onToken(answer.token);
      await membership.keep({ ...answer.worker, token: answer.token });
      this.latest = answer;
      log.info(
        { worker_id: answer.worker.id, name: answer.worker.name, server_version: answer.server_version },
        'registered',
      );
      return answer;
    } catch (error) {
      const name = membership.name;
      throw error instanceof Refused ? new NotRegistered(explain(error, config, name), { cause: error }) : error;
    }
  }

  /**
   * The call, to be made again and again. When the answer to one of them was lost, the name may be taken by what that one
   * has registered, which never beats: it is waited for until a worker that lives would have beaten.
   */
  private asking(replace: boolean): () => Promise<Registration> {
    const { plane, signal, launchers } = this.parts;
    let patience = 0;
    return async () => {
      try {
        const body = this.body(replace);
        const answer = await plane.register(body, signal);
        launchers.wereTold(body.launchers ?? []);
        return answer;
      } catch (error) {
        if (error instanceof Unavailable) patience ||= performance.now() + 2000 * this.leaseSeconds;
        if (isNameTaken(error) && performance.now() < patience)
          throw new Unavailable('the name is taken, maybe by a registration of this worker whose answer was lost');
        throw error;
      }
    };
  }

  private get leaseSeconds(): number {
    return this.latest?.lease_seconds ?? LEASE_SECONDS;
  }

  /** Another secret where there is one; the next try shows it. */
  private afterRefusal(): Promise<void> {
    const { membership, config } = this.parts;
    const { what } = membership;
    if (membership.refused()) return Promise.resolve();
    const next = config.key === '' ? ` ${JOIN_AGAIN}` : '';
    return Promise.reject(new NotRegistered(`The server does not accept ${what}.${next}`));
  }

  private body(replace: boolean): WorkerRegistration {
    const { config, version, launchers, isolation, executions, membership } = this.parts;
    return {
      name: membership.name,
      scope: config.worker_scope,
      labels: [...config.labels],
      agent_types: config.agent_types.length === 0 ? null : [...config.agent_types],
      launchers: [...launchers.current],
      isolation,
      capacity: config.capacity,
      version,
      protocol: PROTOCOL,
      host: hostname(),
      replace,
      resume: [...executions()],
    };
  }
}

const isNameTaken = (error: unknown): boolean => error instanceof Refused && error.code === 'worker/name-taken';

function explain(error: Refused, config: RunnerConfig, name: string): string {
  if (isNameTaken(error))
    return `Another process now works under the name ${JSON.stringify(name)}; this one ends. Give each worker its own MIYABI_WORKER_NAME.`;
  if (error.status === 403)
    return `What this worker came with may not register workers of scope ${config.worker_scope}: ${error.detail}`;
  if (error.status === 426) return `This worker is too old for the server: ${error.detail}`;
  if (error.status === 404) return `There is no Miyabi server at ${config.url} (404).`;
  return `The server refused the registration: ${error.message}`;
}
