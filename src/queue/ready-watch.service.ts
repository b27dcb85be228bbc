import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { DatabaseUnavailable } from '../database/database.errors.js';
import { HintsService } from '../events/hints.service.js';
import { HeadsStore } from './heads.store.js';
import { topicsOf } from './queue-topics.js';

/**
 * Wakes the claims that wait in this process for what no hint tells of: that the time of a task has come, that a limit is
 * over, that a hint was lost. It looks once for all of them, and only while there are some: each looking by itself costs
 * an idle fleet of a thousand half a processor.
 */
@Injectable()
export class ReadyWatch implements OnApplicationShutdown {
  private readonly logger = new Logger(ReadyWatch.name);
  private waiting = 0;
  private looking: NodeJS.Timeout | null = null;
  private isOver = false;

  constructor(
    private readonly heads: HeadsStore,
    private readonly hints: HintsService,
    private readonly config: QueueConfig,
  ) {}

  /** To be called by a claim that waits. Gives the way out, to be taken once. */
  join(): () => void {
    this.waiting += 1;
    this.lookLater();
    return () => {
      this.waiting -= 1;
      if (this.waiting === 0) this.stop();
    };
  }

  onApplicationShutdown(): void {
    this.isOver = true;
    this.stop();
  }

  private lookLater(): void {
    if (this.isOver) return;
    // Somewhat at random, so that the processes of a cluster do not look together.
    const milliseconds = this.config.wait_look_seconds * 1000 * (0.9 + Math.random() * 0.2);
    this.looking ??= setTimeout(() => {
      void this.look().finally(() => {
        this.looking = null;
        if (this.waiting > 0) this.lookLater();
      });
    }, milliseconds);
  }

  private async look(): Promise<void> {
    try {
      const topics = (await this.heads.findReady()).flatMap(topicsOf);
      for (const topic of new Set(topics)) this.hints.wake(topic);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) this.logger.debug({ err: error }, 'the queue could not be looked at');
      else this.logger.error({ err: error }, 'the queue could not be looked at');
    }
  }

  private stop(): void {
    if (this.looking !== null) clearTimeout(this.looking);
    this.looking = null;
  }
}
