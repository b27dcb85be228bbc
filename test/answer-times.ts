import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { TestApp } from './test-app.js';

/**
 * How long a server of this process takes for its answers, from the moment in which a request is there. Neither the
 * client's time is in it nor the longest pause in which this process was not given the processor: promises are about
 * what the server waits for, and tests run beside others.
 */
export class AnswerTimes {
  private readonly seen: { path: string; ms: number }[] = [];
  private readonly pauses = monitorEventLoopDelay({ resolution: 10 });
  private readonly http: Server;

  constructor(server: Pick<TestApp, 'app'>) {
    this.http = server.app.getHttpServer() as Server;
    this.http.prependListener('request', this.watch);
    this.pauses.enable();
  }

  /** The longest of all so far, or of those for one path, in milliseconds. Throws when there was none. */
  slowest(path?: string): number {
    const of = this.seen.filter((one) => path === undefined || one.path === path);
    if (of.length === 0) throw new Error('nothing was answered');
    return Math.max(...of.map(({ ms }) => ms)) - this.pauses.max / 1e6;
  }

  stop(): void {
    this.http.off('request', this.watch);
    this.pauses.disable();
  }

  private readonly watch = (request: IncomingMessage, response: ServerResponse): void => {
    const began = performance.now();
    const path = request.url ?? '';
    response.once('finish', () => this.seen.push({ path, ms: performance.now() - began }));
  };
}
