import { Injectable } from '@nestjs/common';
import { ExecutionDto } from '../executions/execution.dto.js';
import { FinishItemDto } from '../executions/finish.dto.js';
import { FinishesService } from '../executions/finishes.service.js';
import { LogItemDto, ProgressItemDto } from '../executions/reports.dto.js';
import { ReportsService } from '../executions/reports.service.js';
import { InputPipe } from '../http/input.pipe.js';
import { TaskDto } from '../tasks/task.dto.js';
import { ClaimsService } from './claims.service.js';
import { ExchangeDto } from './exchange.dto.js';
import { ExchangesService, type ExchangeContext } from './exchanges.service.js';
import { HeartbeatsService } from './heartbeats.service.js';
import { ClaimDto, ClaimedExecutionDto } from './protocol.dto.js';

export const VERBS = ['heartbeat', 'claim', 'logs', 'progress', 'finish', 'exchange'] as const;

export type Verb = (typeof VERBS)[number];

export const isVerb = (word: unknown): word is Verb => VERBS.includes(word as Verb);

/** The words of the worker protocol, for who does not come by their routes: the same checks, services and answers. */
@Injectable()
export class WorkerVerbs {
  constructor(
    private readonly input: InputPipe,
    private readonly heartbeats: HeartbeatsService,
    private readonly claims: ClaimsService,
    private readonly reports: ReportsService,
    private readonly finishes: FinishesService,
    private readonly exchanges: ExchangesService,
  ) {}

  /** Does what a worker says. Throws what the route of the verb would answer. */
  async say(context: ExchangeContext, verb: Verb, said: object): Promise<object> {
    const { worker, closed } = context;
    switch (verb) {
      case 'heartbeat':
        return this.heartbeats.hear(worker, said);
      case 'claim': {
        const { max = 1, wait_seconds = 0, request_key = null } = await this.input.read(ClaimDto, said);
        const { executions, signals } = await this.claims.claim(worker, { max, wait_seconds, request_key, closed });
        return { executions: executions.map((brief) => ClaimedExecutionDto.from(brief)), ...signals };
      }
      case 'logs': {
        const body = await this.input.read(LogItemDto, said);
        return this.reports.log(worker, body.execution_id, body);
      }
      case 'progress': {
        const body = await this.input.read(ProgressItemDto, said);
        return this.reports.progress(worker, body.toReport(body.execution_id));
      }
      case 'finish': {
        const body = await this.input.read(FinishItemDto, said);
        const wish = { id: body.execution_id, report: body.toReport(), last: body.toLastWords() };
        const { execution, task, signals } = await this.finishes.finish(worker, wish);
        return { execution: ExecutionDto.from(execution), task: TaskDto.from(task), ...signals };
      }
      case 'exchange': {
        const { executions, ...receipt } = await this.exchanges.exchange(
          context,
          await this.input.read(ExchangeDto, said),
        );
        return { ...receipt, executions: executions.map((brief) => ClaimedExecutionDto.from(brief)) };
      }
    }
  }
}
