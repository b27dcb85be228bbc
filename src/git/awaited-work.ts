import { unlessAborted } from './patience.js';

interface Piece {
  done: Promise<void>;
  waiting: number;
  controller: AbortController;
}

/** Work that several may wait for at once is done once; what nobody waits for any more is called off. */
export class AwaitedWork {
  private readonly pieces = new Map<string, Piece>();

  /** Waits for the work under this name, which is begun if it is not under way. Throws what it fails with. */
  async join(name: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<void>): Promise<void> {
    signal.throwIfAborted();
    const piece = this.pieces.get(name) ?? this.begin(name, begin);
    piece.waiting += 1;
    try {
      await unlessAborted(signal, piece.done);
    } finally {
      piece.waiting -= 1;
      if (piece.waiting === 0) {
        // Who comes later must not join what is called off.
        if (this.pieces.get(name) === piece) this.pieces.delete(name);
        piece.controller.abort();
      }
    }
  }

  private begin(name: string, begin: (signal: AbortSignal) => Promise<void>): Piece {
    const controller = new AbortController();
    const done = begin(controller.signal);
    const piece: Piece = { done, waiting: 0, controller };
    this.pieces.set(name, piece);
    const forget = (): void => {
      if (this.pieces.get(name) === piece) this.pieces.delete(name);
    };
    // Nobody may be left to hear how it ended.
    done.then(forget, forget);
    return piece;
  }
}
