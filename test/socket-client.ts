import { WebSocket, type ClientOptions } from 'ws';
import { eventually } from './eventually.js';

type Message = Record<string, unknown> & { type: string };

/** A client of the WebSocket of events. */
export class SocketClient {
  readonly messages: Message[] = [];
  pings = 0;
  /** Code of the close, once there is one. */
  code: number | null = null;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString('utf8')) as Message));
    socket.on('ping', () => (this.pings += 1));
    socket.on('close', (code) => (this.code = code)).on('error', () => undefined);
  }

  /** Connects; rejects with status and code where that is refused. */
  static async open(url: string, options: ClientOptions & { protocols?: string[]; path?: string } = {}) {
    const { protocols = ['miyabi.v1'], path = '/api/v1/ws', ...rest } = options;
    const socket = new WebSocket(url.replace(/^http/, 'ws') + path, protocols, rest);
    const client = new SocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve).once('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const { code } = JSON.parse(text) as { code: string };
          reject(new Error(`${String(response.statusCode)} ${code}`));
        });
      });
    });
    return client;
  }

  /** Connects and says whose it is. */
  static async signedIn(url: string, token: string): Promise<SocketClient> {
    const client = await SocketClient.open(url);
    client.say({ type: 'auth', token });
    await client.hears('authenticated');
    return client;
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  async subscribe(wish: object = {}): Promise<Message> {
    const before = this.of('subscribed').length;
    this.say({ type: 'subscribe', ...wish });
    await eventually('a subscription is answered', () => this.of('subscribed').length > before || this.code !== null);
    return this.of('subscribed').at(-1)!;
  }

  of(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }

  get events(): { id: string; type: string; subject: object; data: Record<string, unknown> }[] {
    return this.of('event').map(({ event }) => event as never);
  }

  async hears(type: string, count = 1): Promise<Message[]> {
    await eventually(`it hears ${type}`, () => this.of(type).length >= count || this.code !== null);
    return this.of(type);
  }

  async closes(): Promise<number | null> {
    await eventually('the connection is closed', () => this.code !== null);
    return this.code;
  }

  cut(): void {
    this.socket.terminate();
  }
}
