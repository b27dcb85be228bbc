import { TooManyStreams } from '../http/stream-end.js';
import type { Connection } from './connection.js';

/** Connections whose caller is not known yet; they must not take the room of those who are. */
export class Strangers {
  private readonly connections = new Set<Connection>();

  constructor(private readonly most: number) {}

  /** Throws TooManyStreams when there are too many already. */
  assertRoom(): void {
    if (this.connections.size >= this.most) throw new TooManyStreams();
  }

  /** Takes one in; call what it gives when it is known whose it is. */
  add(connection: Connection): () => void {
    this.connections.add(connection);
    const known = (): void => void this.connections.delete(connection);
    connection.closed.addEventListener('abort', known, { once: true });
    return known;
  }
}
