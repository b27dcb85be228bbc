import { WebSocket, type ClientOptions } from 'ws';
import type { components } from './schema.generated.js';

type Schemas = components['schemas'];

const PATH = '/api/v1/worker-channel';
const PROTOCOL = 'miyabi.worker.v1';
/** The server takes no larger message. */
const LARGEST_FRAME = 8 * 1024 * 1024;
/** One fewer than the server has under way at most: there it reads nothing more, not even a ping. */
const MOST_UNDER_WAY = 63;
const HANDSHAKE_MS = 10_000;
/** How often it is looked whether the server has said anything: answers to heartbeats tell as much as pings would. */
const LOOK_MS = 5000;
/** Looks without a sign of the server, after which it is pinged with each. */
const QUIET_LOOKS = 3;
/** Pings in a row that nothing followed, after which nobody is there any more. A slow line may delay one behind a large message. */
const MOST_SILENT_PINGS = 2;
/** How long the server may take to close as well. */
const GOODBYE_MS = 1000;

/** What a worker says, and what it is answered: as on the route of each word. */
export interface Words {
  heartbeat: { said: Schemas['Heartbeat']; answer: Schemas['HeartbeatReceipt'] };
  claim: { said: Schemas['Claim']; answer: Schemas['ClaimReceipt'] };
  logs: { said: Schemas['LogItem']; answer: Schemas['LogReceipt'] };
  progress: { said: Schemas['ProgressItem']; answer: Schemas['Signals'] };
  finish: { said: Schemas['FinishItem']; answer: Schemas['FinishReceipt'] };
  exchange: { said: Schemas['Exchange']; answer: Schemas['ExchangeReceipt'] };
}
export type Verb = keyof Words;

/** What the server says by itself. */
export type Push =
  | { type: 'cancel' | 'lost'; executions: string[] }
  | { type: 'pause' | 'drain' | 'stop' | 'resume' | 'inventory' }
  | { type: 'end'; reason: string };
const PUSHES: readonly string[] = ['cancel', 'lost', 'pause', 'drain', 'stop', 'resume', 'inventory', 'end'];

/** Why a word was refused: what its route would answer. */
export type ChannelRefusal = Readonly<Record<string, unknown>> & Pick<Schemas['Problem'], 'status'>;

/** The server answered a word with a problem. */
export class ChannelProblem extends Error {
  constructor(readonly problem: ChannelRefusal) {
    super(`${String(problem.status)} ${String(problem['code'])}`);
    this.name = 'ChannelProblem';
  }
}

/** The connection is closed, or was never there. What was under way may have been done or not: it can be said again. */
export class ChannelClosed extends Error {
  constructor(
    /** Code of the close (RFC 6455 §7.4); 1006 when there was none. */
    readonly code: number,
    reason: string,
    /** Status with which the request for the connection was answered instead. */
    readonly status: number | null = null,
  ) {
    super(`the channel is closed: ${reason}`);
    this.name = 'ChannelClosed';
  }
}

/** A word is too large for a message. A request takes it, or tells what is wrong with it. */
export class FrameTooLarge extends Error {
  constructor(bytes: number) {
    super(`a message of ${String(bytes)} bytes is more than the channel takes`);
    this.name = 'FrameTooLarge';
  }
}

export interface ChannelOptions {
  /** Address of the server, without a path. */
  readonly url: string;
  /** Token of the worker. */
  readonly token: string;
  /** Told what the server says by itself. */
  readonly onPush: (push: Push) => void;
  /** Ends the connection, open or not yet. */
  readonly signal?: AbortSignal;
  /** Milliseconds between two looks whether the server is still there. */
  readonly lookMs?: number;
}

export interface SayOptions {
  /** The channel is taken for dead, and closed, when there is no answer within this time. */
  readonly seconds: number;
  /** Gives the answer up. */
  readonly signal?: AbortSignal | null;
}

interface Call {
  readonly id: string;
  readonly frame: string;
  /** Whether it asks for work. */
  readonly isWish: boolean;
  readonly late: NodeJS.Timeout;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A worker's own connection to the server (docs/worker-channel.md), typed by the OpenAPI document. Words are answered in
 * any order. It does not connect again by itself: whoever uses it has requests to fall back to.
 */
export class WorkerChannelClient {
  /** Resolves when the connection is closed, with the reason. */
  readonly closed: Promise<ChannelClosed>;
  private readonly socket: WebSocket;
  private readonly underWay = new Map<string, Call>();
  private readonly waiting: Call[] = [];
  private readonly handshake: NodeJS.Timeout;
  private readonly looking: NodeJS.Timeout;
  private count = 0;
  private silentLooks = 0;
  private state: 'opening' | 'open' | 'closed' = 'opening';
  private tellOpen: () => void = () => undefined;
  private tellClosed: (reason: ChannelClosed) => void = () => undefined;

  private constructor(private readonly options: ChannelOptions) {
    const { url, token, signal, lookMs = LOOK_MS } = options;
    this.closed = new Promise((resolve) => (this.tellClosed = resolve));
    // Its types do not know all of its options.
    const settings: ClientOptions & { closeTimeout: number } = {
      headers: { Authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      closeTimeout: GOODBYE_MS,
    };
    this.socket = new WebSocket(url.replace(/^http/, 'ws').replace(/\/+$/, '') + PATH, PROTOCOL, settings);
    this.handshake = setTimeout(() => this.cut('it was not opened in time'), HANDSHAKE_MS).unref();
    this.looking = setInterval(() => this.look(), lookMs).unref();
    this.listen();
    signal?.addEventListener('abort', this.close);
    if (signal?.aborted === true) this.close();
  }

  /** Connects. Rejects with ChannelClosed. */
  static async open(options: ChannelOptions): Promise<WorkerChannelClient> {
    const channel = new WorkerChannelClient(options);
    const opened = new Promise<null>((resolve) => (channel.tellOpen = () => resolve(null)));
    const failure = await Promise.race([opened, channel.closed]);
    if (failure !== null) throw failure;
    return channel;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /**
   * Says a word, when there is room for it. Rejects with ChannelProblem, ChannelClosed, FrameTooLarge or the reason of the
   * signal. A wish for work that is given up closes the channel: nothing else tells the server that nobody waits for it.
   */
  async say<V extends Verb>(verb: V, said: Words[V]['said'], options: SayOptions): Promise<Words[V]['answer']> {
    const { seconds, signal } = options;
    signal?.throwIfAborted();
    const id = String(++this.count);
    const frame = JSON.stringify({ ...said, id, type: verb });
    const bytes = Buffer.byteLength(frame);
    if (bytes > LARGEST_FRAME) throw new FrameTooLarge(bytes);
    if (!this.isOpen) throw new ChannelClosed(1006, 'it was before');
    let abandon = (): void => undefined;
    try {
      return await new Promise<Words[V]['answer']>((resolve, reject) => {
        const isWish = verb === 'claim' || (verb === 'exchange' && 'claim' in said);
        const late = setTimeout(() => this.cut(`no answer within ${String(seconds)} s`), seconds * 1000).unref();
        const call: Call = { id, frame, isWish, late, resolve: resolve as Call['resolve'], reject };
        abandon = () => this.abandon(call, signal?.reason);
        signal?.addEventListener('abort', abandon);
        this.waiting.push(call);
        this.sendNext();
      });
    } finally {
      signal?.removeEventListener('abort', abandon);
    }
  }

  /** Closes it; what is under way rejects. */
  readonly close = (): void => {
    this.end(new ChannelClosed(1000, 'it is no longer needed'));
    this.socket.close(1000);
  };

  private listen(): void {
    const { socket } = this;
    const heard = (): void => void (this.silentLooks = 0);
    let fault = 'it broke';
    socket.on('ping', heard).on('pong', heard);
    socket.on('message', (data) => {
      heard();
      if (this.state !== 'closed') this.take((data as Buffer).toString('utf8'));
    });
    socket.on('unexpected-response', (_request, { statusCode = null }) =>
      this.cut(`the server answered ${String(statusCode)}`, statusCode),
    );
    // The close that follows says that it is over.
    socket.on('error', (error) => (fault = error.message));
    socket.on('close', (code, reason) => this.end(new ChannelClosed(code, reason.toString('utf8') || fault)));
  }

  private take(text: string): void {
    let message: Record<string, unknown>;
    try {
      message = { ...(JSON.parse(text) as object) };
    } catch {
      this.cut('the server said what is no JSON');
      return;
    }
    const { id, type } = message;
    const call = this.underWay.get(String(id));
    if (call !== undefined) this.answer(call, message);
    else if (type === 'authenticated' && this.state === 'opening') {
      clearTimeout(this.handshake);
      this.state = 'open';
      this.tellOpen();
    } else if (type === 'error' && this.isOpen) {
      // It names no call. Closed, each of them is said again in a way that has its own answer.
      this.cut(`a message was refused: ${String(message['code'])}`);
    } else if (PUSHES.includes(String(type))) this.options.onPush(message as Push);
  }

  private answer(call: Call, { id, problem, ...answer }: Record<string, unknown>): void {
    this.underWay.delete(String(id));
    clearTimeout(call.late);
    if (problem === undefined) call.resolve(answer);
    else call.reject(new ChannelProblem(problem as ChannelRefusal));
    this.sendNext();
  }

  private sendNext(): void {
    while (this.underWay.size < MOST_UNDER_WAY) {
      const call = this.waiting.shift();
      if (call === undefined) return;
      this.underWay.set(call.id, call);
      this.socket.send(call.frame, () => undefined);
    }
  }

  /** The server answers what it was told whether or not anybody waits, so the room for it is taken until then. */
  private abandon(call: Call, reason: unknown): void {
    call.reject(reason);
    const at = this.waiting.indexOf(call);
    if (at >= 0) {
      this.waiting.splice(at, 1);
      clearTimeout(call.late);
    } else if (call.isWish && this.underWay.has(call.id)) this.cut('a wish for work was given up');
  }

  private look(): void {
    if (!this.isOpen) return;
    this.silentLooks += 1;
    const pings = this.silentLooks - QUIET_LOOKS;
    if (pings >= MOST_SILENT_PINGS) this.cut('the server is silent');
    else if (pings >= 0) this.socket.ping(undefined, undefined, () => undefined);
  }

  /** Ends it without a word to the server, who may be gone. */
  private cut(reason: string, status: number | null = null): void {
    this.end(new ChannelClosed(1006, reason, status));
    this.socket.terminate();
  }

  private end(reason: ChannelClosed): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    clearTimeout(this.handshake);
    clearInterval(this.looking);
    this.options.signal?.removeEventListener('abort', this.close);
    this.tellClosed(reason);
    const calls = [...this.underWay.values(), ...this.waiting];
    this.underWay.clear();
    this.waiting.length = 0;
    for (const call of calls) {
      clearTimeout(call.late);
      call.reject(reason);
    }
  }
}
