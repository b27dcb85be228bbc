import { Injectable } from '@nestjs/common';
import { organizationOf, type CoordinatorPrincipal, type Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { readCursor, toPage, type Page } from '../http/page.js';
import { newId } from '../ids.js';
import { SupervisedWorkers, type WorkerView } from '../workers/supervised-workers.service.js';
import { CoordinatorMetricsStore, type MetricSample } from './coordinator-metrics.store.js';
import { CoordinatorNotFound } from './coordinator.errors.js';
import type { CoordinatorStatus } from './coordinator.status.js';
import { CoordinatorsStore, type CoordinatorMetrics, type CoordinatorView } from './coordinators.store.js';

/** Whoever beats as told has each beat kept, also one that comes a little early; who beats in a hurry does not. */
const SAMPLE_SHARE = 0.5;

interface PageInput {
  cursor?: string;
  limit: number;
}

/** What coordinators report, and what is read of them. */
@Injectable()
export class CoordinatorReads {
  constructor(
    private readonly store: CoordinatorsStore,
    private readonly metrics: CoordinatorMetricsStore,
    private readonly supervised: SupervisedWorkers,
    private readonly database: Database,
    private readonly config: QueueConfig,
  ) {}

  /** Notes that a coordinator is alive, and keeps what it reports. */
  async beat(
    { id }: CoordinatorPrincipal,
    metrics: CoordinatorMetrics | null,
  ): Promise<{
    server_time: string;
    next_heartbeat_seconds: number;
    desired_status: CoordinatorStatus;
    note: string | null;
  }> {
    const contact = await this.database.transaction(async () => {
      const beat = await this.store.beat(id, metrics);
      if (beat === null) throw new CoordinatorNotFound();
      if (metrics !== null)
        await this.metrics.insert(newId(), id, metrics, this.config.heartbeat_seconds * SAMPLE_SHARE);
      return beat;
    });
    return {
      server_time: contact.server_time.toISOString(),
      next_heartbeat_seconds: this.config.heartbeat_seconds,
      desired_status: contact.status,
      note: contact.note,
    };
  }

  async find(principal: Principal, id: string): Promise<CoordinatorView> {
    await this.supervised.countAll();
    const coordinator = await this.store.findOne(organizationOf(principal), id);
    if (coordinator === null) throw new CoordinatorNotFound();
    return coordinator;
  }

  async list<T>(
    principal: Principal,
    input: PageInput & { status?: string; health?: string },
    present: (coordinator: CoordinatorView) => T,
  ): Promise<Page<T>> {
    await this.supervised.countAll();
    const rows = await this.store.findPage({
      organization_id: organizationOf(principal),
      status: input.status ?? null,
      health: input.health ?? null,
      before: readCursor(input.cursor),
      limit: input.limit,
    });
    return toPage(rows, input.limit, present);
  }

  /** Its workers, as they are listed. */
  async workers<T>(
    principal: Principal,
    id: string,
    input: PageInput,
    present: (worker: WorkerView) => T,
  ): Promise<Page<T>> {
    await this.find(principal, id);
    return this.supervised.list(principal, { ...input, coordinator_id: id }, present);
  }

  /** What it reported, the latest first. */
  async samples<T>(
    principal: Principal,
    id: string,
    input: PageInput & { since?: string },
    present: (sample: MetricSample) => T,
  ): Promise<Page<T>> {
    await this.find(principal, id);
    const rows = await this.metrics.findPage({
      coordinator_id: id,
      since: input.since ?? null,
      before: readCursor(input.cursor),
      limit: input.limit,
    });
    return toPage(rows, input.limit, present);
  }
}
