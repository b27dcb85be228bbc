import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30];
const DUTY_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10];

/** What this process counts by itself, in the terms of Prometheus. Names are part of what is promised to dashboards. */
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

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
