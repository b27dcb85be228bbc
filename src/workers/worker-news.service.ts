import { Injectable } from '@nestjs/common';
import { SYSTEM } from '../auth/principal.js';
import { EventsService, type NewEvent } from '../events/events.service.js';
import { HintsService } from '../events/hints.service.js';
import { workerTopic } from '../queue/leases.service.js';
import { WorkerNewsStore, type WorkerChange } from './worker-news.store.js';

const BATCH = 500;

/** Tells an organization how its workers are, each change once. */
@Injectable()
export class WorkerNews {
  constructor(
    private readonly store: WorkerNewsStore,
    private readonly events: EventsService,
    private readonly hints: HintsService,
  ) {}

  /** Whether there is anything to tell, or a pause that is over. */
  isAnything(): Promise<boolean> {
    return this.store.isAnything();
  }

  /**
   * Tells what is new of one worker, or of all, in the transaction under way, and ends pauses whose time is over. With
   * `graceful` nobody is told of silences: they may be the server's own fault.
   */
  async tell({ worker_id = null, graceful }: { worker_id?: string | null; graceful: boolean }): Promise<void> {
    const changes = await this.store.takeChanges(worker_id, graceful, BATCH);
    for (const { id, rested } of changes) if (rested) this.hints.send(workerTopic(id));
    const facts = changes.flatMap((change) => factsOf(change));
    if (facts.length > 0) await this.events.record(...facts);
  }
}

function factsOf(change: WorkerChange): NewEvent[] {
  const { id, organization_id, name, status, health, health_before, lost, lost_before, last_heartbeat } = change;
  if (organization_id === null) return [];
  const fact = { organization_id, actor: SYSTEM, subject: { worker_id: id } };
  const silence = { last_heartbeat: last_heartbeat?.toISOString() ?? null, silent_seconds: change.silent_seconds };
  const facts: NewEvent[] = [];
  if (health !== health_before) {
    const data = { name, before: health_before, after: health, status, ...silence };
    facts.push({ ...fact, type: 'worker.health_changed', data });
  }
  if (change.disk_low && !change.disk_low_before) {
    const { disk_usage, disk_free_bytes } = change;
    facts.push({ ...fact, type: 'disk.low', data: { name, disk_usage, disk_free_bytes } });
  }
  if (lost && !lost_before) facts.push({ ...fact, type: 'worker.lost', data: { name, status, ...silence } });
  return facts;
}
