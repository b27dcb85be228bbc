/**
 * The server's time, so that a worker with a wrong clock still keeps deadlines. Between observations it follows this
 * machine's steady clock; each heartbeat corrects it, also after the machine slept.
 */
export class ServerClock {
  private serverMs = Date.now();
  private steadyMs = performance.now();

  /** `askedAt` is `performance.now()` when the request was sent: the answer is as old as half of the round trip. */
  observe(serverTime: string, askedAt: number): void {
    const server = Date.parse(serverTime);
    if (Number.isNaN(server)) return;
    const answeredAt = performance.now();
    this.serverMs = server + (answeredAt - askedAt) / 2;
    this.steadyMs = answeredAt;
  }

  /** Milliseconds since 1970 by the server's clock. */
  now(): number {
    return this.serverMs + performance.now() - this.steadyMs;
  }

  iso(): string {
    return new Date(this.now()).toISOString();
  }
}
