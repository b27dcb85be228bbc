import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import { EventsService } from '../events/events.service.js';
import { Metrics } from '../metrics/metrics.js';
import { QueueViews } from '../queue/queue-views.service.js';
import { TaskStatsService } from '../tasks/task-stats.service.js';
import { HEALTH } from '../workers/worker.health.js';
import { WorkersService } from '../workers/workers.service.js';

/** Scrapes within this time are answered with what was found first: many of them must not be many questions. */
const FRESH_MS = 5000;

/** Figures that every process could tell alike, because the database knows them; looked up when somebody asks. */
@Injectable()
export class GaugesService {
  private readonly logger = new Logger(GaugesService.name);
  private asked: { at: number; answer: Promise<void> } | null = null;

  constructor(
    private readonly metrics: Metrics,
    private readonly database: Database,
    private readonly tasks: TaskStatsService,
    private readonly queue: QueueViews,
    private readonly events: EventsService,
    private readonly fleet: WorkersService,
    private readonly duties: DutiesService,
  ) {}

  /** The page that Prometheus reads. Without a database it has what the process knows by itself. */
  async page(): Promise<{ type: string; text: string }> {
    if (this.asked === null || Date.now() - this.asked.at > FRESH_MS)
      this.asked = { at: Date.now(), answer: this.refresh() };
    await this.asked.answer;
    const { registry, pool } = this.metrics;
    const { active, idle, waiting, max } = this.database.pool;
    for (const [state, connections] of Object.entries({ active, idle, waiting, max })) pool.set({ state }, connections);
    return { type: registry.contentType, text: await registry.metrics() };
  }

  private async refresh(): Promise<void> {
    const { depth, oldestPending, workers, eventsWaiting, eventsLag, successes, up } = this.metrics;
    try {
      const [pending, oldest, health, lag, succeeded] = await Promise.all([
        this.tasks.pending(),
        this.queue.oldestWait(null, {}),
        this.fleet.countByHealth(),
        this.events.lag(),
        this.duties.lastSuccesses(),
      ]);
      depth.reset();
      for (const { agent_type, priority, tasks } of pending) depth.set({ agent_type, priority }, tasks);
      oldestPending.set(oldest ?? 0);
      const counted = new Map(health.map((row) => [row.health, row.workers]));
      for (const state of HEALTH) workers.set({ health: state }, counted.get(state) ?? 0);
      eventsWaiting.set(lag.waiting);
      eventsLag.set(lag.seconds);
      for (const { name, at } of succeeded) successes.set({ duty: name }, at);
      up.set(1);
    } catch (error) {
      this.logger.warn({ err: error }, 'figures of the database could not be had');
      // Old figures would be taken for new ones.
      for (const gauge of [depth, oldestPending, workers, eventsWaiting, eventsLag]) gauge.reset();
      up.set(0);
    }
  }
}
