import { Injectable } from '@nestjs/common';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { EventsService, type MarkedEvent } from '../events/events.service.js';
import { WorkersStore, type FiguresChange } from './workers.store.js';

const TYPES = ['execution.started', 'execution.finished'] as const;

/**
 * Counts what workers began and ended, from the events that tell of it: each of them once, whatever process does it. Who
 * reads the figures has what is still to be counted counted first.
 */
@Injectable()
export class WorkerFiguresService implements Duty {
  readonly name = 'worker-figures';
  readonly interval_seconds = 10;
  private readonly add = (events: readonly MarkedEvent[]): Promise<void> => this.store.addFigures(changesOf(events));

  constructor(
    private readonly store: WorkersStore,
    private readonly events: EventsService,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  runOnce(): Promise<void> {
    return this.events.takeNew(this.name, TYPES, this.add);
  }

  /** Counts all that has happened until now. */
  countAll(): Promise<void> {
    return this.events.takeAll(this.name, TYPES, this.add);
  }
}

function changesOf(events: readonly MarkedEvent[]): FiguresChange[] {
  const changes = new Map<string, FiguresChange>();
  for (const { type, subject, data, created_at } of events) {
    if (subject.worker_id === undefined) continue;
    const change = changes.get(subject.worker_id) ?? { worker_id: subject.worker_id, completed: 0, failed: 0 };
    if (type === 'execution.finished' && data['status'] === 'completed') change.completed += 1;
    if (type === 'execution.finished' && data['status'] === 'failed') change.failed += 1;
    changes.set(subject.worker_id, { ...change, last_work_at: created_at });
  }
  return [...changes.values()];
}
