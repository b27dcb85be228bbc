import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { generate } from 'selfsigned';

/** What stands before the server where it is reached by https: ends TLS and passes everything on, WebSockets included. */
export class TlsFront {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly authority: string,
  ) {}

  /**
   * Listens at `port` for `localhost`, with a certificate that its own authority has signed; who is to trust it finds the
   * authority's in the file `authority`.
   */
  static async open(port: number, to: number, authority: string): Promise<TlsFront> {
    const strong = { algorithm: 'sha256', keyType: 'ec' as const };
    const root = await generate([{ name: 'commonName', value: `Authority of a test at ${String(port)}` }], {
      ...strong,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    const own = await generate([{ name: 'commonName', value: 'localhost' }], {
      ...strong,
      ca: { key: root.private, cert: root.cert },
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    });
    writeFileSync(authority, root.cert);
    const server = createServer({ key: own.private, cert: own.cert });
    const front = new TlsFront(server, port, root.cert);
    server.on('secureConnection', (near) => {
      front.pass(near, connect({ host: '127.0.0.1', port: to }));
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return front;
  }

  /** A call of the API by https. */
  async post(path: string, token: string, body: object): Promise<Record<string, unknown>> {
    const call = request(`https://localhost:${String(this.port)}${path}`, {
      method: 'POST',
      ca: this.authority,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    call.end(JSON.stringify(body));
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    const text = (await answer.setEncoding('utf8').toArray()).join('');
    if (answer.statusCode !== 201) throw new Error(`POST ${path} was answered ${String(answer.statusCode)}: ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private pass(near: Socket, far: Socket): void {
    for (const [from, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => other.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        other.destroy();
      });
      from.pipe(other);
    }
  }
}
