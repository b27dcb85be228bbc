/** How long those that come may have to wait; without one, for as long as it takes. */
export interface SlotBounds {
  /** So many may wait. */
  readonly waiting?: number;
  readonly milliseconds?: number;
}

/** There is no place, and will not be soon. */
export class NoSlot extends Error {
  constructor() {
    super('too many wait, or have waited for too long');
    this.name = 'NoSlot';
  }
}

/** Lets a few at a time do something; the others wait in their order. */
export class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(
    private free: number,
    private readonly bounds: SlotBounds = {},
  ) {}

  /** Rejects with NoSlot where there are bounds. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await this.turn();
    try {
      return await work();
    } finally {
      // The place goes on to the next without being free in between.
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }

  private turn(): Promise<void> {
    const { waiting: most = Infinity, milliseconds } = this.bounds;
    return new Promise((resolve, reject) => {
      if (this.waiting.length >= most) {
        reject(new NoSlot());
        return;
      }
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(new NoSlot());
      };
      const timer = milliseconds === undefined ? undefined : setTimeout(leave, milliseconds);
      this.waiting.push(enter);
    });
  }
}
