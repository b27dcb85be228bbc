/**
 * Visits each of many once in a period, a part of them at a time: a timer for each would wake the process for each, and
 * waking costs more than most visits.
 */
export class Rounds {
  private readonly parts: Set<() => void>[];
  private timer: NodeJS.Timeout | null = null;
  private next = 0;
  private count = 0;

  constructor(
    private readonly period_ms: number,
    parts = 15,
  ) {
    this.parts = Array.from({ length: parts }, () => new Set());
  }

  /** Has `visit` called once in each period from now on. Gives the way to stop that. */
  join(visit: () => void): () => void {
    // One after the other, so that those who come together are not all visited together.
    const part = this.parts[this.count++ % this.parts.length];
    const own = (): void => visit();
    part?.add(own);
    this.timer ??= setInterval(() => this.go(), this.period_ms / this.parts.length);
    return () => {
      part?.delete(own);
      if (this.timer === null || this.parts.some(({ size }) => size > 0)) return;
      clearInterval(this.timer);
      this.timer = null;
    };
  }

  private go(): void {
    const part = this.parts[this.next];
    this.next = (this.next + 1) % this.parts.length;
    // A visit may end what it visits.
    for (const visit of [...(part ?? [])]) visit();
  }
}
