import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  status: number;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: string;
}

/** A connection on which a test says exactly the bytes it wants to. */
export class RawConnection {
  private received = Buffer.alloc(0);
  private wake: () => void = () => undefined;
  /** Whether the server has ended or reset the connection. */
  closed = false;

  private constructor(readonly socket: Socket) {
    const onData = (chunk: Buffer): void => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    };
    const onClose = (): void => {
      this.closed = true;
      this.wake();
    };
    // A reset is one way of being closed.
    socket.on('data', onData).on('end', onClose).on('close', onClose).on('error', onClose);
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawConnection(socket);
  }

  send(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** The next whole answer, or null when the connection is closed without one. */
  async answer(): Promise<RawAnswer | null> {
    for (;;) {
      const answer = this.take();
      if (answer !== null) return answer;
      if (this.closed) return null;
      await this.change();
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await this.change();
  }

  end(): void {
    this.socket.destroy();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private take(): RawAnswer | null {
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return null;
    const [line = '', ...fields] = this.received.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    const end = headEnd + 4 + Number(headers['content-length'] ?? 0);
    if (this.received.length < end) return null;
    const body = this.received.subarray(headEnd + 4, end).toString('utf8');
    this.received = this.received.subarray(end);
    return { status: Number(line.split(' ')[1]), headers, body };
  }
}

/** One request of any bytes, and its answer. */
export async function sendRaw(url: string, ...pieces: (string | Buffer)[]): Promise<RawAnswer> {
  const connection = await RawConnection.open(url);
  pieces.forEach((piece) => connection.send(piece));
  const answer = await connection.answer();
  connection.end();
  if (answer === null) throw new Error('the connection was closed without an answer');
  return answer;
}

/** The head of a request, with the lines that every one needs. */
export const head = (line: string, fields: Record<string, string | number> = {}): string =>
  [
    `${line} HTTP/1.1`,
    ...Object.entries({ Host: 'localhost', ...fields }).map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join('\r\n');
