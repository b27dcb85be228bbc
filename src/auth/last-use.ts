import { Logger } from '@nestjs/common';

const GATHER_MS = 1000;

/**
 * Writes down when credentials were used last, those of a second together. Nobody waits for it: a time that is not written
 * down is no reason to refuse a request.
 */
export class LastUse {
  private readonly logger = new Logger(LastUse.name);
  private readonly used = new Set<string>();

  /** `touch` writes the time of those that have not been written down of late. */
  constructor(private readonly touch: (ids: readonly string[]) => Promise<void>) {}

  note(ids: readonly string[]): void {
    if (ids.length === 0) return;
    // A process that ends need not wait for it either.
    if (this.used.size === 0) setTimeout(() => this.write(), GATHER_MS).unref();
    ids.forEach((id) => this.used.add(id));
  }

  private write(): void {
    const ids = [...this.used];
    this.used.clear();
    this.touch(ids).catch((error: unknown) => this.logger.warn({ err: error }, 'last use was not written down'));
  }
}
