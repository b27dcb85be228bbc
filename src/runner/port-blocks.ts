import { createServer, type Server } from 'node:net';
import { Fault } from './fault.js';

/** Ports from one block to the next; the first one of each is the worker's, to hold the block with. */
const STRIDE = 128;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface PortBlock {
  /** Its ports are `base` to `base + count - 1`. */
  readonly base: number;
  readonly count: number;
  release(): Promise<void>;
}

/**
 * Gives executions ports of their own. A block is held by listening on a port of it that no agent is told of: so the
 * system itself keeps apart all workers of a machine, whoever runs them, and lets go of a block when its worker dies.
 */
export class PortBlocks {
  constructor(private readonly range: PortRange) {}

  /** Rejects with a Fault when every block is taken. */
  async take(count: number): Promise<PortBlock> {
    const { first, last } = this.range;
    for (let guard = first; guard + STRIDE - 1 <= last; guard += STRIDE) {
      const holder = await listening(guard);
      if (holder === null) continue;
      if (await areFree(guard + 1, count)) return { base: guard + 1, count, release: () => closed(holder) };
      await closed(holder);
    }
    throw new Fault(
      'worktree',
      `No ${String(count)} ports in a row are free from ${String(first)} to ${String(last)}.`,
    );
  }
}

async function areFree(base: number, count: number): Promise<boolean> {
  for (let port = base; port < base + count; port++) {
    const server = await listening(port);
    if (server === null) return false;
    await closed(server);
  }
  return true;
}

/** On every address, so that a port is taken wherever somebody listens on it; null when somebody does. */
async function listening(port: number): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen({ port, exclusive: true }, () => resolve(server.unref()));
  });
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
