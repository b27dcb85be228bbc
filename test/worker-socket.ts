import { once } from 'node:events';
import { WebSocket } from 'ws';
import { eventually } from './eventually.js';

type Message = Record<string, unknown>;

/** The connection of a worker, as one that is written in any language would have it. */
export class WorkerSocket {
  /** What the server has said by itself. */
  readonly pushed: Message[] = [];
  closeCode: number | null = null;
  private readonly waiting = new Map<unknown, (answer: Message) => void>();
  private asked = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.take(JSON.parse(data.toString('utf8')) as Message));
    socket.on('close', (code) => (this.closeCode = code)).on('error', () => undefined);
  }

  /** Connects; with a token as the worker that it names. */
  static async open(url: string, token: string | null): Promise<WorkerSocket> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v1/worker-channel`, 'miyabi.worker.v1', {
      headers: token === null ? {} : { Authorization: `Bearer ${token}` },
    });
    const opened = new WorkerSocket(socket);
    await once(socket, 'open');
    if (token !== null) await opened.hears('authenticated');
    return opened;
  }

  /** Sends a word, and gives the answer to it. */
  ask(word: Message): Promise<Message> {
    const id = String(++this.asked);
    const answer = new Promise<Message>((resolve) => this.waiting.set(id, resolve));
    this.send({ id, ...word });
    return answer;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The first message of a type that the server says by itself, or has said. */
  async hears(type: string): Promise<Message> {
    let found: Message | undefined;
    await eventually(`the server says ${type}`, () => {
      found = this.pushed.find((message) => message['type'] === type);
      return found !== undefined;
    });
    return found ?? {};
  }

  async close(): Promise<void> {
    this.socket.close();
    await eventually('the connection is closed', () => this.closeCode !== null);
  }

  private take(message: Message): void {
    const waiting = this.waiting.get(message['id']);
    if (waiting === undefined) this.pushed.push(message);
    else {
      this.waiting.delete(message['id']);
      waiting(message);
    }
  }
}
