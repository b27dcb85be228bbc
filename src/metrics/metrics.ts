import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Gauges of the library that are called as counters are; each is told by its kind as well. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30];
const DUTY_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10];

/**
 * Figures in the terms of Prometheus: what this process counts by itself, and what is looked up for who asks. Their names
 * are part of what is promised to dashboards.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly requests = new Histogram({
    name: 'miyabi_http_request_duration_seconds',
    help: 'How long answers took, by route; long polls and streams included.',
    labelNames: ['method', 'route', 'status'],
    buckets: HTTP_SECONDS,
    registers: [this.registry],
  });

  readonly claims = new Counter({
    name: 'miyabi_claims_total',
    help: 'Executions given to workers by this process.',
    labelNames: ['agent_type'],
    registers: [this.registry],
  });

  readonly finishes = new Counter({
    name: 'miyabi_executions_finished_total',
    help: 'Executions ended by this process, by outcome and, for failures, by reason.',
    labelNames: ['outcome', 'reason'],
    registers: [this.registry],
  });

  readonly leaseEnds = new Counter({
    name: 'miyabi_leases_ended_total',
    help: 'Leases that the sweep of this process ended, by cause.',
    labelNames: ['cause'],
    registers: [this.registry],
  });

  readonly staleWrites = new Counter({
    name: 'miyabi_stale_writes_refused_total',
    help: 'Late words of workers about executions that were not theirs any more.',
    registers: [this.registry],
  });

  readonly duties = new Histogram({
    name: 'miyabi_duty_duration_seconds',
    help: 'How long runs of duties in this process took, by how they ended.',
    labelNames: ['duty', 'result'],
    buckets: DUTY_SECONDS,
    registers: [this.registry],
  });

  readonly up = new Gauge({
    name: 'miyabi_database_up',
    help: 'Whether the database answered the questions behind this page.',
    registers: [this.registry],
  });

  readonly pool = new Gauge({
    name: 'miyabi_pool_connections',
    help: 'Connections of this process to the database, by what they do.',
    labelNames: ['state'],
    registers: [this.registry],
  });

  readonly depth = new Gauge({
    name: 'miyabi_queue_depth',
    help: 'Tasks that are pending, by agent type and priority.',
    labelNames: ['agent_type', 'priority'],
    registers: [this.registry],
  });

  readonly oldestPending = new Gauge({
    name: 'miyabi_queue_oldest_pending_seconds',
    help: 'For how long the first of the tasks that could be claimed has waited.',
    registers: [this.registry],
  });

  readonly workers = new Gauge({
    name: 'miyabi_workers',
    help: 'Workers, by health.',
    labelNames: ['health'],
    registers: [this.registry],
  });

  readonly eventsWaiting = new Gauge({
    name: 'miyabi_events_waiting',
    help: 'Events without a place in their order, counted to ten thousand.',
    registers: [this.registry],
  });

  readonly eventsLag = new Gauge({
    name: 'miyabi_events_lag_seconds',
    help: 'For how long the first of these events has waited.',
    registers: [this.registry],
  });

  readonly successes = new Gauge({
    name: 'miyabi_duty_last_success_timestamp_seconds',
    help: 'When each duty last succeeded, in whatever process.',
    labelNames: ['duty'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
  }
}
