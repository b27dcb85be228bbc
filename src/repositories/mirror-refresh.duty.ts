import { Injectable, Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { MirrorsService } from '../git/mirrors.service.js';
import { RepositoriesStore } from './repositories.store.js';

const INTERVAL_SECONDS = 10;
const BATCH = 32;
/** So many are fetched at once; one that takes longer than a minute is not counted any more, up to some. */
const AT_ONCE = 4;
const SLOW_MS = 60_000;
const MOST_AT_ONCE = 16;

/**
 * Keeps mirrors fresh that nobody asks for. Each process that has a place for mirrors takes some of those that are due;
 * the fetches go on by themselves, as no transaction waits for a network. One that hangs holds up no other.
 */
@Injectable()
export class MirrorRefreshDuty implements Duty {
  readonly name = 'mirror-refresh';
  readonly interval_seconds = INTERVAL_SECONDS;
  private readonly logger = new Logger(MirrorRefreshDuty.name);
  private readonly waiting: string[] = [];
  private underWay = 0;
  private quick = 0;

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
    if (!this.mirrors.here || mirror_refresh_seconds === 0 || this.waiting.length >= AT_ONCE) return;
    const due = await this.store.takeDue(mirror_refresh_seconds, BATCH);
    this.database.afterCommit(() => {
      this.waiting.push(...due.map(({ id }) => id));
      this.begin();
    });
  }

  private begin(): void {
    while (this.quick < AT_ONCE && this.underWay < MOST_AT_ONCE) {
      const id = this.waiting.shift();
      if (id === undefined) return;
      void this.refresh(id);
    }
  }

  /** What fails is kept in the state of its repository, as with every fetch. */
  private async refresh(id: string): Promise<void> {
    this.underWay += 1;
    this.quick += 1;
    let counted = true;
    const makeRoom = (): void => {
      if (counted) this.quick -= 1;
      counted = false;
      this.begin();
    };
    const slow = setTimeout(makeRoom, SLOW_MS).unref();
    await this.mirrors.ensureFresh(id).catch((error: unknown) => {
      this.logger.debug({ repository_id: id, err: error }, 'a mirror could not be refreshed');
    });
    clearTimeout(slow);
    this.underWay -= 1;
    makeRoom();
  }
}
