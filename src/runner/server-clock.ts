/**
 * The server's time, so that a worker with a wrong clock still keeps deadlines. Between observations it follows this
 * machine's steady clock; each heartbeat corrects it, also after the machine slept.
 */
export class ServerClock {
  private serverMs = Date.now();
  private steadyMs = performance.now();
  private isSet = false;

  /** `askedAt` is `performance.now()` when the request was sent: the answer is as old as half of the round trip. */
  observe(serverTime: string, askedAt: number): void {
    const server = Date.parse(serverTime);
    if (Number.isNaN(server)) return;
    const answeredAt = performance.now();
    // The server's time is now between what it said and that plus the round trip. A slow answer, such as one that was asked
    // for a second time, proves little, and must not move a clock that agrees with it.
    const ahead = this.now() - server;
    if (this.isSet && ahead >= 0 && ahead <= answeredAt - askedAt) return;
    this.isSet = true;
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
