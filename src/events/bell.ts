import type { HintsService } from './hints.service.js';

/** Rings when a hint comes in, also one that came while nobody was waiting; over when one of the signals is aborted. */
export class Bell {
  private wasRung = false;
  private ring: (() => void) | null = null;
  private readonly closers: (() => void)[];

  constructor(
    hints: HintsService,
    topics: readonly string[],
    private readonly ends: readonly AbortSignal[],
  ) {
    this.closers = topics.map((topic) => hints.on(topic, this.strike));
    for (const end of ends) {
      end.addEventListener('abort', this.strike);
      this.closers.push(() => end.removeEventListener('abort', this.strike));
    }
  }

  get over(): boolean {
    return this.ends.some((end) => end.aborted);
  }

  reset(): void {
    this.wasRung = false;
  }

  /** Rings, also without a hint. */
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
