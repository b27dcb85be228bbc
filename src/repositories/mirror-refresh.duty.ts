import { Injectable, Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { MirrorsService } from '../git/mirrors.service.js';
import { RepositoriesStore } from './repositories.store.js';

const INTERVAL_SECONDS = 10;
const AT_ONCE = 4;
const BATCH = 32;

/**
 * Keeps mirrors fresh that nobody asks for. Each process that has a place for mirrors takes some of those that are due;
 * the fetches go on by themselves, as no transaction waits for a network.
 */
@Injectable()
export class MirrorRefreshDuty implements Duty {
  readonly name = 'mirror-refresh';
  readonly interval_seconds = INTERVAL_SECONDS;
  private readonly logger = new Logger(MirrorRefreshDuty.name);
  private underWay = 0;

  constructor(
    private readonly store: RepositoriesStore,
    private readonly mirrors: MirrorsService,
    private readonly config: GitConfig,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    const { mirror_refresh_seconds } = this.config;
    if (!this.mirrors.here || mirror_refresh_seconds === 0 || this.underWay > 0) return;
    const due = await this.store.takeDue(mirror_refresh_seconds, BATCH);
    this.database.afterCommit(() => this.refresh(due.map(({ id }) => id)));
  }

  /** A few at once. What fails is kept in the state of its repository, as with every fetch. */
  private refresh(ids: string[]): void {
    const lane = async (): Promise<void> => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        await this.mirrors.ensureFresh(id).catch((error: unknown) => {
          this.logger.debug({ repository_id: id, err: error }, 'a mirror could not be refreshed');
        });
      }
      this.underWay -= 1;
    };
    this.underWay += AT_ONCE;
    for (let at = 0; at < AT_ONCE; at++) void lane();
  }
}
