import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { FirstStillRuns, isLasting, KeyReused, type KeptRefusal, RepeatedRefusal } from './idempotency.errors.js';
import { AT_WORK, IdempotencyStore, UNANSWERED, type KeptAnswer } from './idempotency.store.js';

/** Longer than any answer takes; a process that died in between gives the key free by it. */
const RESERVED_SECONDS = 60;
const PATIENCE_MS = 4000;
const LOOK_MS = 50;
const REFUSED = 400;

/** A successful answer. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

export interface KeyedRequest {
  /** SHA-256 of organization, caller, method, path and key. */
  scope: Buffer;
  /** SHA-256 of key and body. */
  request: Buffer;
  how: 'joined' | 'beside';
}

/** Sees to it that requests with the same key have one effect, on all processes together. */
@Injectable()
export class IdempotencyService {
  private readonly logger = new Logger(IdempotencyService.name);
  /** What runs in this process, by scope: those who come meanwhile wait for it without a connection. */
  private readonly running = new Map<string, Promise<unknown>>();
  /** The request at work beside its key. */
  private readonly atWork = new AsyncLocalStorage<{ scope: Buffer; made: string | null }>();

  constructor(
    private readonly store: IdempotencyStore,
    private readonly database: Database,
  ) {}

  /**
   * For work beside its key: what an earlier try of the same request has made, by the name that `making` gave it, when
   * that did not come to its answer, as the database went away or time was over. Null when there is nothing like it.
   */
  get madeBefore(): string | null {
    return this.atWork.getStore()?.made ?? null;
  }

  /** Says what the request at work makes, in the transaction that makes it: who asks again then gets it, not another. */
  async making(name: string): Promise<void> {
    const request = this.atWork.getStore();
    if (request !== undefined) await this.store.noteMade(request.scope, name);
  }

  /** The first answer to the key: made by `work`, or given again. Throws the first refusal, KeyReused or FirstStillRuns. */
  async once(keyed: KeyedRequest, work: () => Promise<Answer>): Promise<Answer & { replayed: boolean }> {
    const name = keyed.scope.toString('hex');
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until;) {
      const running = this.running.get(name);
      if (running !== undefined) {
        await Promise.race([running.catch(() => undefined), pause(until - Date.now())]);
        continue;
      }
      const kept = await this.store.find(keyed.scope);
      const isAnswered = kept !== null && kept.status !== AT_WORK && kept.status !== UNANSWERED;
      if (isAnswered) return replay(kept, keyed.request);
      if (kept?.status === UNANSWERED && !kept.request_hash.equals(keyed.request)) throw new KeyReused();
      if (kept?.status !== AT_WORK && !this.running.has(name)) {
        const attempt = this.attempt(keyed, work);
        this.running.set(name, attempt);
        const answer = await attempt.finally(() => this.running.delete(name));
        if (answer !== null) return answer;
      }
      await pause(LOOK_MS);
    }
    throw new FirstStillRuns();
  }

  /** Null when another process was faster. */
  private async attempt(
    keyed: KeyedRequest,
    work: () => Promise<Answer>,
  ): Promise<(Answer & { replayed: boolean }) | null> {
    try {
      return await (keyed.how === 'joined' ? this.joined(keyed, work) : this.beside(keyed, work));
    } catch (error) {
      if (isLasting(error) && !(error instanceof RepeatedRefusal || error instanceof KeyReused)) {
        const { code, kind, detail, extra } = error;
        await this.keep(keyed, { status: REFUSED, headers: {}, body: { code, kind, detail, extra } });
      } else if (keyed.how === 'beside') await this.store.release(keyed.scope);
      throw error;
    }
  }

  private joined(keyed: KeyedRequest, work: () => Promise<Answer>) {
    return this.database.transaction(async () => {
      if (!(await this.store.tryLock(keyed.scope))) return null;
      // What another process has kept before it gave the lock free is seen only now.
      const kept = await this.store.find(keyed.scope);
      if (kept !== null) return kept.status === AT_WORK ? null : replay(kept, keyed.request);
      const answer = await work();
      await this.keep(keyed, answer);
      return { ...answer, replayed: false };
    });
  }

  private async beside(keyed: KeyedRequest, work: () => Promise<Answer>) {
    const reserved = await this.store.reserve(keyed.scope, keyed.request, RESERVED_SECONDS);
    if (reserved === null) return null;
    const answer = await this.atWork.run({ scope: keyed.scope, made: reserved.made }, work);
    await this.keep(keyed, answer);
    return { ...answer, replayed: false };
  }

  private async keep({ scope, request }: KeyedRequest, answer: Answer): Promise<void> {
    const kept = await this.store.keep(scope, { ...answer, request_hash: request });
    if (!kept) this.logger.warn('an answer was kept for this key by somebody else');
  }
}

/** Gives a kept answer again, or throws the refusal it was. */
function replay(kept: KeptAnswer, request: Buffer): Answer & { replayed: boolean } {
  if (!kept.request_hash.equals(request)) throw new KeyReused();
  if (kept.status >= REFUSED) throw new RepeatedRefusal(kept.body as KeptRefusal);
  return { status: kept.status, headers: kept.headers, body: kept.body, replayed: true };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
