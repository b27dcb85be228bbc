import { Injectable } from '@nestjs/common';
import { AccessKeysService } from '../auth/access-keys.service.js';
import { organizationOf, type Principal, type WorkerPrincipal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { ExecutionsService } from '../executions/executions.service.js';
import { WorkerControlsStore, type LockedWorker } from './worker-controls.store.js';
import { PauseEndsWrong, WorkerNotFound, WorkerOfInstance, WorkerStopped } from './worker.errors.js';
import { WorkerRecords } from './worker-records.service.js';
import { WorkersService } from './workers.service.js';
import type { WorkerView } from './workers.store.js';

/** How long a token that was rotated out stays good. */
export const ROTATION_SECONDS = 600;

/** What people tell workers to do. A worker hears of it at once: over its channel, or as the answer to a claim that waits. */
@Injectable()
export class WorkerControls {
  constructor(
    private readonly store: WorkerControlsStore,
    private readonly workers: WorkersService,
    private readonly executions: ExecutionsService,
    private readonly keys: AccessKeysService,
    private readonly records: WorkerRecords,
    private readonly database: Database,
  ) {}

  /**
   * It takes no more, and goes on with what it runs, until `until` or until somebody resumes it. Throws WorkerStopped or
   * PauseEndsWrong.
   */
  pause(principal: Principal, id: string, wish: { note: string | null; until: string | null }): Promise<WorkerView> {
    return this.change(principal, id, async (worker) => {
      if (worker.status === 'stopped') throw new WorkerStopped();
      if (wish.until !== null && !(await this.store.isAhead(wish.until))) throw new PauseEndsWrong();
      await this.store.setStatus(id, 'paused', wish);
      await this.records.note(principal, worker, 'worker.paused', wish);
    });
  }

  /** It is paused by its own wish until somebody resumes it, unless somebody has set something else. */
  async pauseItself(principal: WorkerPrincipal, note: string): Promise<void> {
    await this.database.transaction(async () => {
      const worker = await this.store.lock(principal.organization_id, principal.id);
      if (worker?.status !== 'active') return;
      await this.store.setStatus(principal.id, 'paused', { note, until: null });
      await this.records.note(principal, worker, 'worker.paused', { note });
      await this.records.tellHealth(principal.id);
    });
  }

  /** It has ended in order, and is gone until it registers again; nobody has to miss it first. */
  async stopItself(principal: WorkerPrincipal, note: string): Promise<void> {
    await this.database.transaction(async () => {
      const worker = await this.store.lock(principal.organization_id, principal.id);
      if (worker === null) return;
      await this.store.setStopped(principal.id, note);
      await this.records.tellHealth(principal.id);
    });
  }

  /** It takes work again, after a pause or instead of stopping. Throws WorkerStopped. */
  resume(principal: Principal, id: string): Promise<WorkerView> {
    return this.change(principal, id, async (worker) => {
      if (worker.status === 'stopped') throw new WorkerStopped();
      if (worker.status === 'active') return;
      await this.store.setStatus(id, 'active', { note: null, until: null });
      await this.records.note(principal, worker, 'worker.resumed');
    });
  }

  /** It takes no more, and stops when it has ended what it runs: at once when that is nothing. */
  drain(principal: Principal, id: string, note: string | null): Promise<WorkerView> {
    return this.change(principal, id, async (worker) => {
      if (worker.status === 'stopped') return;
      await this.store.setStatus(id, 'draining', { note, until: null });
      await this.records.note(principal, worker, 'worker.drained', { note });
    });
  }

  /** Its token is refused from now on, and what it ran is handed back. */
  delete(principal: Principal, id: string): Promise<void> {
    return this.database.transaction(async () => {
      const worker = await this.lock(principal, id);
      await this.executions.releaseAll(id, { why: 'Its worker has been deleted.' }, principal.actor);
      await this.keys.revokeForWorker(id);
      await this.store.delete(id);
      await this.records.note(principal, worker, 'worker.deleted');
    });
  }

  /** A new token beside the one it has, which stays good for ten minutes. */
  async rotateToken(principal: Principal, id: string): Promise<{ worker: WorkerView; token: string }> {
    const token = await this.database.transaction(async () => {
      const { organization_id, name, ...worker } = await this.lock(principal, id);
      const { secret, former_ids, ...key } = await this.keys.rotateWorkerToken(
        { organization_id, worker_id: id, name },
        ROTATION_SECONDS,
      );
      await this.store.rotateKey(id, key.id, former_ids);
      await this.records.note(principal, { organization_id, name, ...worker }, 'worker.token_rotated');
      return secret;
    });
    return { worker: await this.workers.find(principal, id), token };
  }

  private async change(
    principal: Principal,
    id: string,
    change: (worker: LockedWorker) => Promise<void>,
  ): Promise<WorkerView> {
    await this.database.transaction(async () => {
      await change(await this.lock(principal, id));
      await this.records.tellHealth(id);
    });
    return this.workers.find(principal, id);
  }

  private async lock(principal: Principal, id: string): Promise<LockedWorker> {
    const worker = await this.store.lock(organizationOf(principal), id);
    if (worker === null) throw new WorkerNotFound();
    const isAdministrator = principal.kind === 'user' && principal.is_administrator;
    if (worker.organization_id === null && !isAdministrator) throw new WorkerOfInstance();
    return worker;
  }
}
