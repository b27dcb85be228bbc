import { get, type IncomingMessage } from 'node:http';
import { eventually } from './eventually.js';

/** A server-sent event as a client gets it. */
export interface Received {
  /** `message` where none is named. */
  event: string;
  data: Record<string, unknown>;
  /** The last id seen with it or before it. */
  id: string;
  /** `performance.now()` when it came. */
  at: number;
}

export interface StreamWish {
  token?: string;
  lastEventId?: string;
  headers?: Record<string, string>;
}

/** A client of server-sent events that reads when the test lets it. */
export class StreamClient {
  readonly received: Received[] = [];
  /** What a browser would send as `Last-Event-ID` if it came again now. */
  lastEventId = '';
  pings = 0;
  closed = false;
  private rest = '';

  private constructor(private readonly answer: IncomingMessage) {
    answer.setEncoding('utf8').on('data', (chunk: string) => this.take(chunk));
    answer.on('close', () => (this.closed = true)).on('error', () => (this.closed = true));
  }

  /** Opens a stream; rejects with status and code when there is none. */
  static async open(url: string, path: string, { token, lastEventId, headers }: StreamWish): Promise<StreamClient> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(
        `${url}/api/v1${path}`,
        {
          agent: false,
          headers: {
            ...(token !== undefined && { Authorization: `Bearer ${token}` }),
            ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
            ...headers,
          },
        },
        resolve,
      ).once('error', reject);
    });
    if (answer.statusCode === 200) {
      const client = new StreamClient(answer);
      await eventually('a stream begins', () => client.begun || client.closed);
      return client;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const { code } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { code: string };
    throw new Error(`${String(answer.statusCode)} ${code}`);
  }

  get headers(): IncomingMessage['headers'] {
    return this.answer.headers;
  }

  /** Facts: what is neither news nor the end. */
  get events(): Received[] {
    return this.received.filter(({ event }) => event === 'message');
  }

  get live(): Received[] {
    return this.received.filter(({ event }) => event === 'live');
  }

  /** Reason of the last event, once the stream is over. */
  get reason(): unknown {
    return this.closed ? this.received.find(({ event }) => event === 'end')?.data['reason'] : undefined;
  }

  /** Reads nothing more until `resume`: the bytes stay in the sockets. */
  pause(): void {
    this.answer.pause();
  }

  resume(): void {
    this.answer.resume();
  }

  close(): void {
    this.answer.destroy();
  }

  private get begun(): boolean {
    return this.begunWith !== null;
  }

  private begunWith: string | null = null;

  private take(chunk: string): void {
    const blocks = (this.rest + chunk).split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) this.takeBlock(block.split('\n'));
  }

  private takeBlock(lines: readonly string[]): void {
    let event = 'message';
    const data: string[] = [];
    for (const line of lines) {
      const [name = '', ...value] = line.split(': ');
      if (name === 'event') event = value.join(': ');
      if (name === 'data') data.push(value.join(': '));
      if (name === 'id') this.lastEventId = value.join(': ');
      if (name === 'retry') this.begunWith = value.join(': ');
      if (line === ': ping') this.pings += 1;
    }
    if (data.length === 0) return;
    const parsed = JSON.parse(data.join('\n')) as Received['data'];
    this.received.push({ event, data: parsed, id: this.lastEventId, at: performance.now() });
  }
}
