import { Injectable } from '@nestjs/common';
import { AccessKeysService } from '../auth/access-keys.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import { ExecutionsService } from '../executions/executions.service.js';
import { readCursor, toPage, type Page } from '../http/page.js';
import { newId } from '../ids.js';
import {
  NotItsCoordinator,
  OnlyItself,
  ProtocolTooOld,
  ScopeNeedsOrganization,
  ScopeNotAllowed,
  SupervisorDrains,
  SupervisorNotFound,
  WorkerNameTaken,
  WorkerNotFound,
} from './worker.errors.js';
import { WorkerFiguresService } from './worker-figures.service.js';
import type { Health } from './worker.health.js';
import { WorkersStore, type WorkerDescription, type WorkerView } from './workers.store.js';

/** Version of the worker protocol that this server speaks, and the oldest it still serves. */
export const PROTOCOL = 1;
export const MIN_PROTOCOL = 1;

const TAKEN_OVER = 'Its worker has begun anew without it.';

export interface WorkerRegistration extends Omit<WorkerDescription, 'coordinator_id'> {
  name: string;
  scope: 'organization' | 'instance';
  /** The coordinator that it is to belong to; without it the caller's own, or none. */
  coordinator_id?: string | null;
  replace: boolean;
  /** Executions that a worker goes on with after it has come back. */
  resume: readonly string[];
}

/** The fleet: who belongs to it, and whether they are alive. */
@Injectable()
export class WorkersService {
  constructor(
    private readonly store: WorkersStore,
    private readonly figures: WorkerFiguresService,
    private readonly executions: ExecutionsService,
    private readonly keys: AccessKeysService,
    private readonly events: EventsService,
    private readonly database: Database,
    private readonly config: QueueConfig,
  ) {}

  /** How many workers of the instance there are of each health. */
  countByHealth(): Promise<{ health: Health; workers: number }[]> {
    return this.store.countByHealth();
  }

  /**
   * Takes a worker into the fleet and gives it a token of its own. The name of one that is alive is refused unless
   * `replace` says so; what the old one ran is handed back, but for `resume`. `created` is false for one that has
   * come back.
   */
  async register(
    principal: Principal,
    registration: WorkerRegistration,
  ): Promise<{ worker: WorkerView; token: string; created: boolean }> {
    if (registration.protocol < MIN_PROTOCOL) throw new ProtocolTooOld(MIN_PROTOCOL);
    const organizationId = scopeOf(principal, registration.scope);
    return this.database.transaction(async () => {
      const supervisor = await this.supervisorFor(principal, registration.coordinator_id ?? null, organizationId);
      const known = await this.store.lockByName(organizationId, registration.name, this.config.lease_seconds);
      if (principal.kind === 'worker' && principal.id !== known?.id) throw new OnlyItself();
      const coordinator_id = supervisor ?? keptBy(principal, registration, known);
      // Who may let one machine in may not put another one out, and a coordinator none of others.
      const isForeign = principal.kind === 'coordinator' && known?.coordinator_id !== principal.id;
      const mayReplace = registration.replace && principal.kind !== 'join' && !isForeign;
      if (known?.live && !mayReplace) throw new WorkerNameTaken(registration.name);
      const worker_id = known?.id ?? newId();
      const labels = await this.keys.grantedLabels(principal, worker_id);
      const description = {
        ...registration,
        coordinator_id,
        labels: [...new Set([...labels, ...registration.labels])],
      };
      if (known === null) await this.store.insert(worker_id, organizationId, registration.name, description);
      else await this.takeOver(principal, known, description);
      const own = { organization_id: organizationId, worker_id, name: registration.name, labels };
      const { id: keyId, secret } = await this.keys.issueWorkerToken(own);
      await this.store.setKey(worker_id, keyId);
      const worker = await this.store.findById(worker_id);
      if (worker === null) throw new WorkerNotFound();
      await this.tell(principal, worker);
      return { worker, token: secret, created: known === null };
    });
  }

  /** How many workers that the caller may see there are of each health. */
  async stats(principal: Principal): Promise<Record<Health | 'total', number>> {
    const counts = { healthy: 0, degraded: 0, unhealthy: 0, unknown: 0 };
    for (const { health, workers } of await this.store.countOwnByHealth(organizationOf(principal)))
      counts[health] = workers;
    return { total: Object.values(counts).reduce((sum, workers) => sum + workers, 0), ...counts };
  }

  async find(principal: Principal, id: string): Promise<WorkerView> {
    await this.figures.countAll();
    const worker = await this.store.findOne(organizationOf(principal), id);
    if (worker === null) throw new WorkerNotFound();
    return worker;
  }

  async list<T>(
    principal: Principal,
    input: {
      status?: string;
      health?: string;
      label?: string;
      coordinator_id?: string;
      cursor?: string;
      limit: number;
    },
    present: (worker: WorkerView) => T,
  ): Promise<Page<T>> {
    await this.figures.countAll();
    const rows = await this.store.findPage({
      organization_id: organizationOf(principal),
      status: input.status ?? null,
      health: input.health ?? null,
      label: input.label ?? null,
      coordinator_id: input.coordinator_id ?? null,
      before: readCursor(input.cursor),
      limit: input.limit,
    });
    return toPage(rows, input.limit, present);
  }

  /**
   * A worker has come back, or another one takes its name: what it does not go on with is handed back. Somebody's wish
   * outlives a restart: a pause lasts, and who was to finish and stop does so; who has stopped begins anew.
   */
  private async takeOver(
    principal: Principal,
    { id, status }: Pick<WorkerView, 'id' | 'status'>,
    registration: WorkerRegistration & WorkerDescription,
  ): Promise<void> {
    await this.executions.releaseAll(id, { keep: registration.resume, why: TAKEN_OVER }, principal.actor);
    // The token that a worker comes back with stays good until it comes back with the new one: the answer may get lost.
    await this.keys.revokeForWorker(id, principal.kind === 'worker' ? principal.key_id : null);
    await this.store.redescribe(id, registration, status === 'stopped' ? 'active' : status);
  }

  /**
   * The coordinator that a worker of the organization is to belong to by the wish of its caller; null when there is none. No
   * drain of it begins until the transaction is over. Throws SupervisorNotFound, SupervisorDrains or NotItsCoordinator.
   */
  private async supervisorFor(
    principal: Principal,
    wanted: string | null,
    organizationId: string | null,
  ): Promise<string | null> {
    if (principal.kind === 'join' || principal.kind === 'worker') return null;
    const id = principal.kind === 'coordinator' ? principal.id : wanted;
    if (wanted !== null && wanted !== id) throw new NotItsCoordinator();
    if (id === null) return null;
    const coordinator = await this.store.lockCoordinator(id, organizationId);
    if (coordinator === null) throw new SupervisorNotFound();
    if (coordinator.status === 'draining') throw new SupervisorDrains();
    return id;
  }

  /** A worker of the instance belongs to no organization whose events could tell of it. */
  private async tell({ actor }: Principal, { id, name, organization_id }: WorkerView): Promise<void> {
    if (organization_id === null) return;
    const subject = { worker_id: id };
    await this.events.record({ organization_id, type: 'worker.registered', actor, subject, data: { name } });
  }
}

/** What comes back with its own token or joins stays where it is. Throws NotItsCoordinator when it says something else. */
function keptBy(
  principal: Principal,
  { coordinator_id: wanted = null }: WorkerRegistration,
  known: { coordinator_id: string | null } | null,
): string | null {
  const kept = principal.kind === 'worker' ? (known?.coordinator_id ?? null) : null;
  if (wanted !== null && wanted !== kept) throw new NotItsCoordinator();
  return kept;
}

/** The organization a new worker serves; null is every one. */
function scopeOf(principal: Principal, scope: 'organization' | 'instance'): string | null {
  if (scope === 'organization') {
    if (principal.organization_id === null) throw new ScopeNeedsOrganization();
    return principal.organization_id;
  }
  const is_administrator = principal.kind === 'user' && principal.is_administrator;
  if (principal.organization_id !== null && !is_administrator) throw new ScopeNotAllowed();
  return null;
}
