import type { HintsService } from './hints.service.js';

/** Rings when it is struck, also while nobody was waiting; over when one of the signals is aborted. */
export class Bell {
  private wasRung = false;
  private ring: (() => void) | null = null;
  private readonly closers: (() => void)[] = [];

  constructor(private readonly ends: readonly AbortSignal[]) {
    for (const end of ends) {
      end.addEventListener('abort', this.strike);
      this.closers.push(() => end.removeEventListener('abort', this.strike));
    }
  }

  /** From now on each hint on these topics strikes it. */
  hear(hints: HintsService, topics: readonly string[]): this {
    this.closers.push(...topics.map((topic) => hints.on(topic, this.strike)));
    return this;
  }

  get over(): boolean {
    return this.ends.some((end) => end.aborted);
  }

  reset(): void {
    this.wasRung = false;
  }

  readonly strike = (): void => {
    this.wasRung = true;
    this.ring?.();
  };

  /** Waits until it rings, or for so long; whether it has rung. */
  async rung(withinMs: number | null = null): Promise<boolean> {
    if (this.wasRung) return true;
    const isRung = await new Promise<boolean>((resolve) => {
      const timer = withinMs === null ? undefined : setTimeout(() => resolve(false), withinMs);
      this.ring = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    this.ring = null;
    return isRung;
  }

  close(): void {
    this.closers.forEach((close) => close());
  }
}
