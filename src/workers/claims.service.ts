import { Injectable } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { HintsService } from '../events/hints.service.js';
import { Lifecycle } from '../http/lifecycle.js';
import { LeasesService, type Signals, workerTopic } from '../queue/leases.service.js';
import { ReadyWatch } from '../queue/ready-watch.service.js';
import { Bell } from '../events/bell.js';
import type { ClaimBrief } from './claim-briefs.service.js';
import { type Grant, GrantsService, NOTHING, type OpenRequest } from './grants.service.js';
import { WorkerScopes } from './worker-scopes.service.js';

export interface ClaimWish {
  max: number;
  wait_seconds: number;
  request_key: string | null;
  /** Aborted when the worker's socket closes: nothing must be given to nobody. */
  closed: AbortSignal;
}

/** Requests with one key: they get one answer, which is for nobody once all of them are gone. */
class Sharers {
  private readonly gone = new AbortController();
  private open = 0;

  get closed(): AbortSignal {
    return this.gone.signal;
  }

  add(closed: AbortSignal): void {
    this.open += 1;
    const leave = (): void => {
      this.open -= 1;
      if (this.open === 0) this.gone.abort();
    };
    if (closed.aborted) leave();
    else closed.addEventListener('abort', leave, { once: true });
  }
}

/** Claims: at once when there is work, else a wait that new work, a cancellation or a pause ends. */
@Injectable()
export class ClaimsService {
  private readonly shared = new Map<string, { sharers: Sharers; claims: Promise<Grant> }>();

  constructor(
    private readonly grants: GrantsService,
    private readonly leases: LeasesService,
    private readonly scopes: WorkerScopes,
    private readonly hints: HintsService,
    private readonly lifecycle: Lifecycle,
    private readonly ready: ReadyWatch,
  ) {}

  /** Up to `max` tasks; empty after `wait_seconds`, for a worker that is not active, and while the server stops. */
  async claim(worker: WorkerPrincipal, wish: ClaimWish): Promise<{ executions: ClaimBrief[]; signals: Signals }> {
    const { briefs, signals } = await this.grant(worker, wish);
    return { executions: briefs, signals: signals ?? (await this.leases.signals(worker.id)) };
  }

  /** The same, for who tells the worker what it is to know by himself. */
  grant(worker: WorkerPrincipal, wish: ClaimWish): Promise<Grant> {
    return wish.request_key === null ? this.take(worker, wish) : this.share(worker, wish);
  }

  /** Requests with the same key that wait at the same time share one wait. */
  private share(worker: WorkerPrincipal, wish: ClaimWish): Promise<Grant> {
    const key = `${worker.key_id} ${wish.request_key ?? ''}`;
    const known = this.shared.get(key);
    if (known && !known.sharers.closed.aborted) {
      known.sharers.add(wish.closed);
      return known.claims;
    }
    const sharers = new Sharers();
    sharers.add(wish.closed);
    const claims = this.take(worker, { ...wish, closed: sharers.closed });
    this.shared.set(key, { sharers, claims });
    const forget = (): void => {
      if (this.shared.get(key)?.sharers === sharers) this.shared.delete(key);
    };
    claims.then(forget, forget);
    return claims;
  }

  private async take(worker: WorkerPrincipal, wish: ClaimWish): Promise<Grant> {
    if (wish.closed.aborted || this.lifecycle.stopping.aborted) return NOTHING;
    const until = Date.now() + wish.wait_seconds * 1000;
    const { max, request_key } = wish;
    const { id: worker_id, key_id, actor } = worker;
    const request = { worker_id, key_id, actor, max, request_key, closed: wish.closed };
    return wish.wait_seconds === 0 ? this.grants.grant(request) : this.wait(request, until);
  }

  /** Asks, and again when there may be something for it. Ends early with news for the worker. */
  private async wait(request: OpenRequest, until: number): Promise<Grant> {
    const { worker_id, closed } = request;
    const topic = workerTopic(worker_id);
    const topics = [...(await this.scopes.topicsOf(request)), topic];
    let isTold = false;
    const forget = this.hints.on(topic, () => (isTold = true));
    const bell = new Bell([closed, this.lifecycle.stopping]).hear(this.hints, topics);
    const leave = this.ready.join();
    let before: Signals | null = null;
    try {
      for (;;) {
        if (bell.over) return NOTHING;
        bell.reset();
        const grant = await this.grants.grant(request);
        if (grant.briefs.length > 0) return grant;
        if (before === null || isTold) {
          const wasTold = isTold;
          isTold = false;
          const signals = await this.leases.signals(worker_id);
          const isNews = wasTold && signals.cancel.some((id) => before?.cancel.includes(id) !== true);
          // Once: a worker that does not know of it must not be sent round and round.
          const isAsked = wasTold && signals.send_inventory && before?.send_inventory !== true;
          if (signals.desired_status !== 'active' || isNews || isAsked) return NOTHING;
          before = signals;
        }
        const left = until - Date.now();
        if (left <= 0 || !(await bell.rung(left))) return NOTHING;
      }
    } finally {
      leave();
      bell.close();
      forget();
    }
  }
}
