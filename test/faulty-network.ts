import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that a test can block, as a broken switch or a forgetful firewall would: without a word. */
export class FaultyNetwork {
  private readonly server: Server;
  private readonly pairs = new Set<[Socket, Socket]>();
  private blocked = false;

  private constructor(port: number) {
    this.server = createServer((near) => {
      const far = connect({ host: '127.0.0.1', port });
      const pair: [Socket, Socket] = [near, far];
      this.pairs.add(pair);
      near.pipe(far);
      far.pipe(near);
      if (this.blocked) pair.forEach((socket) => socket.pause());
      const end = (): void => {
        this.pairs.delete(pair);
        pair.forEach((socket) => socket.destroy());
      };
      pair.forEach((socket) => socket.on('error', end).on('close', end));
    });
  }

  /** The same server behind this network, by its URL. */
  static async before(url: string): Promise<{ network: FaultyNetwork; url: string }> {
    const through = new URL(url);
    const network = new FaultyNetwork(Number(through.port));
    await new Promise<void>((resolve) => network.server.listen(0, '127.0.0.1', resolve));
    through.port = String((network.server.address() as AddressInfo).port);
    return { network, url: through.href };
  }

  /** From now on nothing passes, on connections that are open and on new ones, and none is closed. */
  block(): void {
    this.blocked = true;
    for (const pair of this.pairs) pair.forEach((socket) => socket.unpipe().pause());
  }

  /** Lets new connections pass. Those that were open stay dead, and still nobody is told. */
  forget(): void {
    this.blocked = false;
  }

  /** Cuts every connection; new ones pass. */
  cut(): void {
    for (const pair of this.pairs) pair.forEach((socket) => socket.destroy());
  }

  close(): void {
    this.server.close();
    this.cut();
  }
}
