import { randomUUID } from 'node:crypto';
import type pg from 'pg';

/** What a load is told to go by. */
interface Where {
  url: string;
  /** Token of a person, and of a worker that serves them. */
  person: string;
  worker: { id: string; token: string };
}

interface Told {
  status: number;
  body: Record<string, unknown>;
}

const BREATH_MS = 20;
/** Refusals that say "not now". */
const UNAVAILABLE = ['503 database/unavailable', '503 server/too-slow'];

/** People and workers who go on through every outage, and a ledger of what they were told is done. */
export class AcknowledgedLoad {
  /** Ids of tasks that were acknowledged, and of those whose completion was. */
  readonly created = new Set<string>();
  readonly completed = new Set<string>();
  /** How often each kind of answer came. */
  readonly answers = new Map<string, number>();
  /** What should not have come: no answer, another refusal, one that does not say when to come again. */
  readonly faults: string[] = [];
  slowestMs = 0;
  private stopped = false;
  private readonly lanes: Promise<void>[] = [];

  constructor(private readonly where: Where) {}

  get count(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  get unavailable(): number {
    return UNAVAILABLE.reduce((sum, kind) => sum + (this.answers.get(kind) ?? 0), 0);
  }

  start(people: number): void {
    for (let at = 0; at < people; at += 1) this.lanes.push(this.repeat(() => this.create()));
    this.lanes.push(this.repeat(() => this.work()));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.lanes);
  }

  /** How much of the ledger the database does not know. */
  async lost(sql: pg.Client): Promise<{ created: number; completed: number }> {
    const missing = async (ids: Set<string>, condition: string): Promise<number> => {
      const { rows } = await sql.query<{ n: number }>(
        `select count(*)::int as n from unnest($1::uuid[]) as told (id)
         where not exists (select from tasks where tasks.id = told.id and ${condition})`,
        [[...ids]],
      );
      return rows[0]?.n ?? 0;
    };
    return {
      created: await missing(this.created, 'true'),
      completed: await missing(this.completed, "status = 'completed'"),
    };
  }

  private async repeat(work: () => Promise<void>): Promise<void> {
    while (!this.stopped) await work();
  }

  private async create(): Promise<void> {
    const { person } = this.where;
    const { status, body } = await this.call(person, 'POST', '/tasks', { name: 'told', agent_type: 'note' });
    if (status === 201) this.created.add(String(body['id']));
    await this.call(person, 'GET', '/tasks?limit=1');
  }

  private async work(): Promise<void> {
    const { id, token } = this.where.worker;
    const request = { max: 20, request_key: randomUUID() };
    const claimed = await this.untilHeard(() => this.call(token, 'POST', `/workers/${id}/claim`, request));
    const given = (claimed.body['executions'] ?? []) as { execution: { id: string }; task: { id: string } }[];
    for (const { execution, task } of given) {
      const finish = { outcome: 'completed' };
      const path = `/executions/${execution.id}/finish`;
      const { status } = await this.untilHeard(() => this.call(token, 'POST', path, finish));
      if (status === 200) this.completed.add(task.id);
    }
    if (given.length === 0) await pause();
  }

  private async untilHeard(ask: () => Promise<Told>): Promise<Told> {
    for (;;) {
      const told = await ask();
      if (told.status !== 503 || this.stopped) return told;
    }
  }

  private async call(token: string, method: string, path: string, body?: object): Promise<Told> {
    const began = performance.now();
    try {
      const answer = await fetch(`${this.where.url}/api/v1${path}`, {
        method,
        body: JSON.stringify(body),
        headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      });
      const told = { status: answer.status, body: (await answer.json()) as Told['body'] };
      this.note(told, answer.headers.get('retry-after'), performance.now() - began);
      if (told.status === 503) await pause();
      return told;
    } catch (error) {
      this.faults.push(`${method} ${path}: ${String(error)}`);
      await pause();
      return { status: 0, body: {} };
    }
  }

  private note({ status, body }: Told, retryAfter: string | null, ms: number): void {
    const kind = `${String(status)} ${status < 400 ? '' : String(body['code'])}`.trim();
    this.answers.set(kind, (this.answers.get(kind) ?? 0) + 1);
    this.slowestMs = Math.max(this.slowestMs, ms);
    if (!['200', '201', ...UNAVAILABLE].includes(kind)) this.faults.push(kind);
    if (status === 503 && !/^[1-9]\d*$/.test(retryAfter ?? '')) this.faults.push('503 without Retry-After');
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, BREATH_MS));
