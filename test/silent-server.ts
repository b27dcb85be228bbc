import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** The other side of a worker's channel that answers nothing unless it is told to. */
export class SilentServer {
  /** Ids of the words it has heard and not answered. */
  readonly unanswered: string[] = [];
  private socket: WebSocket | null = null;

  private constructor(private readonly sockets: WebSocketServer) {
    sockets.on('connection', (socket) => {
      this.socket = socket;
      socket.send('{"type":"authenticated","worker_id":"w"}');
      socket.on('message', (data: Buffer) =>
        this.unanswered.push((JSON.parse(data.toString('utf8')) as { id: string }).id),
      );
    });
  }

  static async start(): Promise<SilentServer> {
    const server = new SilentServer(new WebSocketServer({ port: 0, host: '127.0.0.1' }));
    await once(server.sockets, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.sockets.address() as AddressInfo).port)}`;
  }

  /** Resolves when there is a worker that knows it, and whatever it has sent until now has been read. */
  async hasRead(): Promise<void> {
    if (this.socket === null) await once(this.sockets, 'connection');
    this.socket?.ping();
    await once(this.socket!, 'pong');
  }

  /** Answers what it has heard, all of it alike. */
  answer(answer: object): void {
    for (const id of this.unanswered.splice(0)) this.socket?.send(JSON.stringify({ id, ...answer }));
  }

  /** Breaks the connection. */
  cut(): void {
    this.socket?.terminate();
  }

  close(): void {
    this.cut();
    this.sockets.close();
  }
}
