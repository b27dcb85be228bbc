import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBasic, type BasicCredentials } from '../src/git/basic-credentials.js';
import { serveGit } from './git-backend.js';
import { quietPort } from './processes.js';
import { TlsFront } from './tls-front.js';

/** A host of Git repositories that gives them by https to who has the right credentials. */
export class PrivateHost {
  /** Who may read; nobody while it is null. */
  accepted: BasicCredentials | null = null;
  /** Where it sends everybody instead, when it does. */
  redirect: string | null = null;
  /** What came with requests: credentials, or nothing. */
  readonly seen: (BasicCredentials | null)[] = [];
  /** Requests that were let in and wait to be released, while they are held. */
  readonly waiting: (() => void)[] = [];
  holding = false;

  private constructor(
    private readonly server: Server,
    private readonly front: TlsFront,
    private readonly root: string,
  ) {}

  /** `root` holds bare repositories; who is to trust the host finds its authority's certificate in `authority`. */
  static async open(root: string, authority: string): Promise<PrivateHost> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const host = new PrivateHost(server, await TlsFront.open(await quietPort(), port, authority), root);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      host.serve(request, response).catch(() => response.destroy());
    });
    return host;
  }

  url(name: string): string {
    return `https://localhost:${String(this.front.port)}/${name}`;
  }

  release(): void {
    this.holding = false;
    for (const go of this.waiting.splice(0)) go();
  }

  /** Passwords that came, each once. */
  get passwords(): string[] {
    return [...new Set(this.seen.flatMap((one) => (one === null ? [] : [one.password])))];
  }

  close(): void {
    this.release();
    this.front.close();
    this.server.closeAllConnections();
    this.server.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = readBasic(request.headers.authorization);
    this.seen.push(given);
    if (this.redirect !== null) {
      response.writeHead(302, { location: this.redirect + (request.url ?? '') }).end();
      return;
    }
    const { accepted } = this;
    if (given === null || given.user !== accepted?.user || given.password !== accepted.password) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="private"', 'content-type': 'text/plain' });
      // As talkative as some hosts are.
      response.end(`you are not ${given?.user ?? ''} with ${given?.password ?? ''}\n`);
      return;
    }
    if (this.holding) await new Promise<void>((resolve) => this.waiting.push(resolve));
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    serveGit(request, response, { root: this.root, path, user: given.user });
  }
}
