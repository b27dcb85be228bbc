/** Lets something be done at once, and then not again before some time has passed. */
export class Interval {
  private last = -Infinity;

  constructor(private readonly milliseconds: number) {}

  /** Calls `go` so long after the last time that it did; a timer that is cleared does not count. */
  next(go: () => void): NodeJS.Timeout {
    const wait = this.last + this.milliseconds - performance.now();
    return setTimeout(
      () => {
        this.last = performance.now();
        go();
      },
      Math.max(0, wait),
    );
  }
}
