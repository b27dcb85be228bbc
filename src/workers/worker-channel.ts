import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { assertAllowed } from '../auth/access.policy.js';
import type { CallersService } from '../auth/callers.service.js';
import type { Credential } from '../auth/credential.js';
import type { Principal, WorkerPrincipal } from '../auth/principal.js';
import { DatabaseUnavailable } from '../database/database.errors.js';
import { DomainError } from '../domain-error.js';
import { Bell } from '../events/bell.js';
import type { HintsService } from '../events/hints.service.js';
import { parseExactJson } from '../http/exact-json.js';
import type { OpenStreams } from '../http/open-streams.service.js';
import { problemOf } from '../http/problem.js';
import type { StreamEnd } from '../http/stream-end.js';
import { isId } from '../ids.js';
import { workerTopic, type LeasesService, type Signals } from '../queue/leases.service.js';
import type { Connection } from '../sockets/connection.js';
import type { Rounds } from '../sockets/rounds.js';
import { isVerb, VERBS, type WorkerVerbs } from './worker-verbs.service.js';

/** How long a connection may be that of nobody. */
const ANONYMOUS_MS = 10_000;
/** Words of one worker that may be under way; more are read when one of them is answered. */
const MOST_UNDER_WAY = 64;
/** Hints may be lost. Answers to heartbeats say the same, and come about as often. */
export const LOOK_MS = 15_000;

/** What a channel needs of the server; `known` is called when it is known whose it is. */
export interface ChannelSurroundings {
  callers: CallersService;
  streams: OpenStreams;
  verbs: WorkerVerbs;
  leases: LeasesService;
  hints: HintsService;
  /** Of a period of LOOK_MS. */
  looks: Rounds;
  known: () => void;
}

type Frame = Record<string, unknown>;

/** What answers tell of executions, as far as this connection is concerned. */
interface Receipt extends Signals {
  executions: { execution: { id: string } }[];
  finish: Frame[];
}

/**
 * A worker's own connection: its words and their answers, matched by `id`, in any order, and what it is to know as it
 * happens. Each word is read for whom it comes from anew, like a request.
 */
export class WorkerChannel {
  private readonly logger = new Logger(WorkerChannel.name);
  private readonly request_id = randomUUID();
  private readonly underWay = new Set<Promise<void>>();
  /** What the worker runs as far as this connection knows, to be told what is lost. */
  private readonly running = new Set<string>();
  /** What the worker has been told by itself. */
  private readonly told = { cancel: new Set<string>(), status: 'active' as Signals['desired_status'] };
  private credential: Credential | null = null;
  /** When it was answered last, which told it all that it is to know. */
  private answered = -Infinity;

  constructor(
    private readonly connection: Connection,
    private readonly around: ChannelSurroundings,
  ) {}

  /** Begins with what came with the handshake. */
  begin(token: string | null): void {
    const { connection } = this;
    const anonymous = setTimeout(() => {
      if (this.credential === null) connection.end('signed-out');
    }, ANONYMOUS_MS);
    connection.closed.addEventListener('abort', () => clearTimeout(anonymous), { once: true });
    if (token !== null) void connection.inTurn(() => this.authenticate(token));
    connection.onMessage((text) => this.handle(text));
  }

  private async handle(text: string | null): Promise<void> {
    const frame = await this.read(text);
    if (frame === null) return;
    if (frame['type'] === 'auth') return this.authenticate(String(frame['token']));
    const { credential } = this;
    if (credential === null) {
      await this.connection.refuse('auth/no-token', 'Say first who is calling: {"type":"auth","token":"..."}.');
      this.connection.end('signed-out');
      return;
    }
    // Not waited for: a claim that waits must not keep the others.
    const answered: Promise<void> = this.answer(credential, frame).finally(() => this.underWay.delete(answered));
    this.underWay.add(answered);
    while (this.underWay.size >= MOST_UNDER_WAY) await Promise.race(this.underWay);
  }

  /** The frame, or null when it was none and has been refused. */
  private async read(text: string | null): Promise<Frame | null> {
    try {
      const value = text === null ? null : parseExactJson(text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        this.connection.understood();
        return value as Frame;
      }
      await this.connection.refuse('socket/malformed', 'A message is a JSON object, as text.');
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      await this.connection.refuse(error.code, error.detail);
    }
    return null;
  }

  private async authenticate(token: string): Promise<void> {
    const { around, connection } = this;
    try {
      const credential = around.callers.credentialOf(token);
      const worker = workerOf(await credential.identify());
      if (this.credential === null) {
        const { organization_id } = worker;
        const end = (reason: StreamEnd): void => void this.takeLeave(worker, reason);
        around.streams.enter({ credential, demand: 'worker', organization_id, end }, connection.closed);
        around.known();
        this.watch(worker).catch((error: unknown) => connection.fail(error));
      }
      this.credential = credential;
      await connection.send(JSON.stringify({ type: 'authenticated', worker_id: worker.id }));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      await connection.refuse(error.code, error.detail);
      if (this.credential === null) connection.end(error.kind === 'forbidden' ? 'forbidden' : 'signed-out');
    }
  }

  private async answer(credential: Credential, { id, type, ...said }: Frame): Promise<void> {
    const { request_id, connection } = this;
    let receipt: object;
    try {
      if (!isVerb(type))
        throw new DomainError('socket/unknown-type', 'invalid', `The type of a message is one of ${VERBS.join(', ')}.`);
      const worker = workerOf(await credential.identify(type === 'heartbeat'));
      receipt = await this.around.verbs.say({ worker, request_id, closed: connection.closed }, type, said);
      this.note(receipt, said);
      this.answered = performance.now();
    } catch (error) {
      const problem = problemOf(error, request_id);
      if (problem.status >= 500) this.logger.error({ err: error, request_id }, 'a word of a worker failed');
      receipt = { problem };
    }
    await connection.send(JSON.stringify({ id: id ?? null, ...receipt }));
  }

  /** Learns what the worker runs from what it is given and what it says. */
  private note(receipt: object, said: Frame): void {
    const { executions, finish, lost } = receipt as Partial<Receipt>;
    for (const { execution } of executions ?? []) this.running.add(execution.id);
    const ended = [
      ...(finish ?? []).filter(({ problem }) => problem === undefined),
      ...('outcome' in said ? [said] : []),
    ];
    for (const { execution_id } of ended) this.running.delete(String(execution_id));
    for (const beat of Array.isArray(said['executions']) ? (said['executions'] as (Frame | null)[]) : []) {
      const id = typeof beat?.['id'] === 'string' ? beat['id'].toLowerCase() : '';
      // What is none has been left out of what was said.
      if (isId(id)) this.running.add(id);
    }
    // Said already; and whatever a worker lists, what stays here is what it runs.
    lost?.forEach((id) => this.running.delete(id));
  }

  /** A worker whose token is no longer good, most of all one that was deleted, is first told what there is to know. */
  private async takeLeave({ id }: WorkerPrincipal, reason: StreamEnd): Promise<void> {
    try {
      if (reason === 'signed-out') await this.tell(id);
    } catch (error) {
      this.logger.debug({ err: error }, 'a worker was signed out without a word');
    }
    this.connection.end(reason);
  }

  /** Tells the worker at once what is to be ended, what is lost, and what it is to do. */
  private async watch({ id }: WorkerPrincipal): Promise<void> {
    const { hints, looks } = this.around;
    const bell = new Bell([this.connection.closed]).hear(hints, [workerTopic(id)]);
    const leave = looks.join(() => {
      if (performance.now() - this.answered >= LOOK_MS) bell.strike();
    });
    try {
      while (!bell.over) {
        bell.reset();
        await this.tell(id).catch((error: unknown) => {
          // Looked for again, when there is a database.
          if (!(error instanceof DatabaseUnavailable)) throw error;
        });
        await bell.rung();
      }
    } finally {
      leave();
      bell.close();
    }
  }

  private async tell(id: string): Promise<void> {
    const { told } = this;
    const { cancel, lost, desired_status, send_inventory } = await this.around.leases.look(id, [...this.running]);
    const news = cancel.filter((one) => !told.cancel.has(one));
    told.cancel = new Set(cancel);
    lost.forEach((one) => this.running.delete(one));
    if (news.length > 0) await this.push({ type: 'cancel', executions: news });
    if (lost.length > 0) await this.push({ type: 'lost', executions: lost });
    // As often as there is a word, until it comes.
    if (send_inventory) await this.push({ type: 'inventory' });
    if (desired_status === told.status) return;
    told.status = desired_status;
    await this.push({ type: WORD_OF_STATUS[desired_status] });
  }

  private push(message: object): Promise<void> {
    return this.connection.send(JSON.stringify(message));
  }
}

const WORD_OF_STATUS = { active: 'resume', paused: 'pause', draining: 'drain', stopped: 'stop' } as const;

function workerOf(principal: Principal): WorkerPrincipal {
  assertAllowed(principal, 'worker', null);
  return principal as WorkerPrincipal;
}
