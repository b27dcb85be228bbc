import { Injectable, Logger } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { FinishItemDto } from '../executions/finish.dto.js';
import { FinishesService } from '../executions/finishes.service.js';
import { LogItemDto, ProgressItemDto } from '../executions/reports.dto.js';
import { ReportsService } from '../executions/reports.service.js';
import { InputPipe } from '../http/input.pipe.js';
import { isId } from '../ids.js';
import { problemOf, type Problem } from '../http/problem.js';
import { LeasesService, type Signals } from '../queue/leases.service.js';
import type { ClaimBrief } from './claim-briefs.service.js';
import { ClaimsService } from './claims.service.js';
import { type Grant, NOTHING } from './grants.service.js';
import type { FinishItemReceiptDto, ItemReceiptDto, LogItemReceiptDto } from './exchange.dto.js';
import type { ClaimDto } from './protocol.dto.js';
import { type Ignored, WorkerWords } from './worker-words.service.js';

/** What a worker says at once. The items are as they came: each is checked, and succeeds or fails, alone. */
export interface Exchange {
  logs?: readonly unknown[];
  progress?: readonly unknown[];
  finish?: readonly unknown[];
  metrics?: unknown;
  claim?: ClaimDto;
}

export interface ExchangeReceipt extends Signals {
  logs: LogItemReceiptDto[];
  progress: ItemReceiptDto[];
  finish: FinishItemReceiptDto[];
  executions: ClaimBrief[];
  /** What was left out of the usage of its machine; absent when that was nothing. */
  ignored?: Ignored[];
}

/** Whose word it is, and what ends a wait for it. */
export interface ExchangeContext {
  worker: WorkerPrincipal;
  /** Told with each problem, to be found in the log. */
  request_id: string;
  closed: AbortSignal;
}

/** Several words of a worker in one request: the same services as for each alone, whose statements they share. */
@Injectable()
export class ExchangesService {
  private readonly logger = new Logger(ExchangesService.name);

  constructor(
    private readonly input: InputPipe,
    private readonly reports: ReportsService,
    private readonly finishes: FinishesService,
    private readonly claims: ClaimsService,
    private readonly leases: LeasesService,
    private readonly words: WorkerWords,
  ) {}

  async exchange(context: ExchangeContext, said: Exchange): Promise<ExchangeReceipt> {
    const { worker } = context;
    const { said: metrics, ignored } = await this.words.metrics(said.metrics);
    const [logs, progress] = await Promise.all([
      this.inOrder(said.logs ?? [], (item) => this.log(context, item)),
      Promise.all((said.progress ?? []).map((item) => this.advance(context, item))),
    ]);
    const finish = await Promise.all((said.finish ?? []).map((item) => this.finish(context, item)));
    const isFaulty = [...logs, ...progress, ...finish].some(({ problem }) => problem !== undefined);
    const { briefs: executions, signals: told } = said.claim
      ? await this.claim(context, said.claim, isFaulty)
      : NOTHING;
    // What it has ended just now is not lost, whatever else it said of it before.
    const ended = new Set(finish.flatMap(({ execution_id: id, problem }) => (problem ? [] : [id])));
    const ids = [...logs, ...progress, ...finish].map((item) => item.execution_id);
    const named = ids.filter((id) => id !== null && isId(id) && !ended.has(id)) as string[];
    const isTold = named.length === 0 && metrics === undefined;
    const signals = isTold && told ? told : await this.leases.signals(worker.id, [...new Set(named)], metrics ?? null);
    return { logs, progress, finish, executions, ...signals, ...(ignored && { ignored }) };
  }

  private log(context: ExchangeContext, said: unknown): Promise<LogItemReceiptDto> {
    return this.taken<LogItemReceiptDto>(context, said, async () => {
      const item = await this.input.read(LogItemDto, said);
      const stored = await this.reports.append(context.worker, item.execution_id, item);
      return { execution_id: item.execution_id, ...stored };
    });
  }

  private advance(context: ExchangeContext, said: unknown): Promise<ItemReceiptDto> {
    return this.taken<ItemReceiptDto>(context, said, async () => {
      const item = await this.input.read(ProgressItemDto, said);
      await this.reports.advance(context.worker, item.toReport(item.execution_id));
      return { execution_id: item.execution_id };
    });
  }

  private finish(context: ExchangeContext, said: unknown): Promise<FinishItemReceiptDto> {
    return this.taken<FinishItemReceiptDto>(context, said, async () => {
      const item = await this.input.read(FinishItemDto, said);
      const wish = { id: item.execution_id, report: item.toReport(), last: item.toLastWords() };
      const { execution, task } = await this.finishes.end(context.worker, wish);
      return { execution_id: item.execution_id, status: execution.status, task_status: task.status };
    });
  }

  private claim(
    { worker, closed }: ExchangeContext,
    {
      max = 1,
      wait_seconds = 0,
      request_key = null,
    }: { max?: number; wait_seconds?: number; request_key?: string | null },
    isFaulty: boolean,
  ): Promise<Grant> {
    return this.claims.grant(worker, { max, wait_seconds: isFaulty ? 0 : wait_seconds, request_key, closed });
  }

  /** What came of an item: its receipt, or its problem. */
  private async taken<Receipt extends ItemReceiptDto>(
    { request_id }: ExchangeContext,
    said: unknown,
    take: () => Promise<Receipt>,
  ): Promise<Receipt | (ItemReceiptDto & { problem: Problem })> {
    try {
      return await take();
    } catch (error) {
      const problem = problemOf(error, request_id);
      if (problem.status >= 500) this.logger.error({ err: error, request_id }, 'an item of an exchange failed');
      const next = 'next_offset' in problem ? { next_offset: problem.next_offset } : {};
      return { execution_id: idOf(said), ...next, problem };
    }
  }

  /** One after the other those of one execution, the others beside them. */
  private inOrder<Result>(items: readonly unknown[], take: (item: unknown) => Promise<Result>): Promise<Result[]> {
    const last = new Map<string | null, Promise<unknown>>();
    return Promise.all(
      items.map((item) => {
        const id = idOf(item);
        const taken = (last.get(id) ?? Promise.resolve()).then(() => take(item));
        last.set(id, taken);
        return taken;
      }),
    );
  }
}

/** The id that an item names, whatever else is wrong with it. */
function idOf(item: unknown): string | null {
  const id: unknown = typeof item === 'object' && item !== null && 'execution_id' in item ? item.execution_id : null;
  return typeof id === 'string' && id.length <= 36 ? id : null;
}
