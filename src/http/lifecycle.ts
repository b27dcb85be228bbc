import { setMaxListeners } from 'node:events';
import { Injectable } from '@nestjs/common';

/** Whether this process is on its way out. Long answers listen to it and end early. */
@Injectable()
export class Lifecycle {
  private readonly controller = new AbortController();

  constructor() {
    // Every answer that waits listens.
    setMaxListeners(0, this.controller.signal);
  }

  /** Aborted as soon as the process begins to stop. */
  get stopping(): AbortSignal {
    return this.controller.signal;
  }

  stop(): void {
    this.controller.abort();
  }
}
