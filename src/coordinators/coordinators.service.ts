import { Injectable } from '@nestjs/common';
import { AccessKeysService } from '../auth/access-keys.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { newId } from '../ids.js';
import { SupervisedWorkers } from '../workers/supervised-workers.service.js';
import { CoordinatorRecords } from './coordinator-records.service.js';
import {
  CoordinatorNameTaken,
  CoordinatorNotFound,
  CoordinatorOfInstance,
  CoordinatorScopeNeedsOrganization,
  CoordinatorScopeNotAllowed,
} from './coordinator.errors.js';
import {
  CoordinatorsStore,
  type CoordinatorDescription,
  type CoordinatorView,
  type LockedCoordinator,
} from './coordinators.store.js';

export interface CoordinatorRegistration extends CoordinatorDescription {
  scope: 'organization' | 'instance';
  replace: boolean;
}

/** Who supervises workers: coordinators come, are changed, finish and go. */
@Injectable()
export class CoordinatorsService {
  constructor(
    private readonly store: CoordinatorsStore,
    private readonly supervised: SupervisedWorkers,
    private readonly keys: AccessKeysService,
    private readonly records: CoordinatorRecords,
    private readonly database: Database,
    private readonly config: QueueConfig,
  ) {}

  /**
   * Takes a coordinator in, and gives it a token of its own; those it had end. The name of one that is alive is refused
   * unless `replace` says so, which is nothing for a join token: who may let one machine in may not put another one out.
   * One that comes back with its own token is itself, whatever it was called meanwhile. `created` is false for one that
   * has come back: somebody's wish that it stops outlives its restart; one that has stopped, or that its own process had
   * finish, begins anew.
   */
  async register(
    principal: Principal,
    registration: CoordinatorRegistration,
  ): Promise<{ coordinator: CoordinatorView; token: string; created: boolean }> {
    const organization_id = scopeOf(principal, registration.scope);
    await this.supervised.countAll();
    return this.database.transaction(async () => {
      const known = await this.known(principal, organization_id, registration.name);
      const name = known?.name ?? registration.name;
      if (known?.live && !(registration.replace && principal.kind !== 'host_join'))
        throw new CoordinatorNameTaken(name);
      const id = known?.id ?? newId();
      const labels = await this.keys.grantedHostLabels(principal, id);
      const description = withLabels(registration, labels);
      if (known === null) await this.store.insert(id, organization_id, description);
      else {
        const isToEnd = known.status === 'draining' && !known.drained_by_itself;
        await this.store.comeBack(id, description, isToEnd ? 'draining' : 'active');
        if (known.drained_by_itself)
          await this.supervised.resumeAll(principal, id, known.note, known.paused_workers ?? []);
      }
      const own = { organization_id, coordinator_id: id, name, labels };
      const token = await this.keys.replaceCoordinatorToken(principal, own);
      await this.records.note(principal, { id, organization_id, name }, 'coordinator.registered');
      await this.records.tellOfRegistration(principal, { id, organization_id, name });
      return { coordinator: await this.read(id), token, created: known === null };
    });
  }

  /** Changes what is said of it. Throws CoordinatorNameTaken. */
  update(principal: Principal, id: string, change: Partial<CoordinatorDescription>): Promise<CoordinatorView> {
    return this.change(principal, id, async (coordinator) => {
      await this.store.change(id, change);
      await this.records.note(principal, coordinator, 'coordinator.updated', { ...change });
    });
  }

  /** It and its workers take no more, and stop when these have ended what they run. */
  drain(principal: Principal, id: string, note: string | null): Promise<CoordinatorView> {
    return this.change(principal, id, async (coordinator) => {
      if (coordinator.status === 'stopped') return;
      const drained_by_itself = principal.kind === 'coordinator';
      const paused = await this.supervised.drainAll(principal, id, note);
      await this.store.drain(id, note, { drained_by_itself, paused_workers: drained_by_itself ? paused : null });
      await this.records.note(principal, coordinator, 'coordinator.drained', { note });
      await this.records.tellHealth({ id, graceful: false });
    });
  }

  /** Its token is refused from now on; its workers go on without it. */
  delete(principal: Principal, id: string): Promise<void> {
    return this.database.transaction(async () => {
      const coordinator = await this.lock(principal, id);
      await this.keys.revokeForCoordinator(id);
      await this.store.delete(id);
      await this.records.note(principal, coordinator, 'coordinator.deleted');
    });
  }

  /** Who comes back. Throws CoordinatorNotFound when it was deleted in this moment. */
  private async known(principal: Principal, organization_id: string | null, name: string) {
    const { lease_seconds } = this.config;
    if (principal.kind !== 'coordinator') return this.store.lockByName(organization_id, name, lease_seconds);
    const itself = await this.store.lockById(principal.id, lease_seconds);
    if (itself === null) throw new CoordinatorNotFound();
    return itself;
  }

  private async change(
    principal: Principal,
    id: string,
    change: (coordinator: LockedCoordinator) => Promise<void>,
  ): Promise<CoordinatorView> {
    await this.database.transaction(async () => change(await this.lock(principal, id)));
    await this.supervised.countAll();
    return this.read(id);
  }

  private async lock(principal: Principal, id: string): Promise<LockedCoordinator> {
    if (principal.kind === 'coordinator') return this.lockItself(principal.id, id);
    const coordinator = await this.store.lock(organizationOf(principal), id);
    if (coordinator === null) throw new CoordinatorNotFound();
    const isAdministrator = principal.kind === 'user' && principal.is_administrator;
    if (coordinator.organization_id === null && !isAdministrator) throw new CoordinatorOfInstance();
    return coordinator;
  }

  private async lockItself(own_id: string, id: string): Promise<LockedCoordinator> {
    const coordinator = own_id === id ? await this.store.lock(null, id) : null;
    if (coordinator === null) throw new CoordinatorNotFound();
    return coordinator;
  }

  private async read(id: string): Promise<CoordinatorView> {
    const coordinator = await this.store.findById(id);
    if (coordinator === null) throw new CoordinatorNotFound();
    return coordinator;
  }
}

/** What a host was given comes on top of what it says of itself; what it does not say stays as it was. */
function withLabels(said: CoordinatorRegistration, given: readonly string[]): CoordinatorDescription {
  if (given.length === 0) return said;
  return { ...said, labels: [...new Set([...given, ...(said.labels ?? [])])] };
}

/** The organization a new coordinator serves; null is every one. */
function scopeOf(principal: Principal, scope: 'organization' | 'instance'): string | null {
  if (scope === 'organization') {
    if (principal.organization_id === null) throw new CoordinatorScopeNeedsOrganization();
    return principal.organization_id;
  }
  const is_administrator = principal.kind === 'user' && principal.is_administrator;
  if (principal.organization_id !== null && !is_administrator) throw new CoordinatorScopeNotAllowed();
  return null;
}
