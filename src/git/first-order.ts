import { Injectable, Logger } from '@nestjs/common';
import { BranchesService } from './branches.service.js';
import { HistoriesService } from './histories.service.js';

/** Puts the histories of new mirrors in order before anybody waits for them. */
@Injectable()
export class FirstOrder {
  private readonly logger = new Logger(FirstOrder.name);

  constructor(
    private readonly branches: BranchesService,
    private readonly histories: HistoriesService,
  ) {}

  /**
   * The history of all branches, and that of the default one. What is added to them later is a short walk. Never
   * fails: whoever reads the history is told why it cannot be put in order.
   */
  async make(directory: string, default_branch: string | null): Promise<void> {
    const { signal } = new AbortController();
    try {
      const all = await this.branches.list(directory, signal);
      const head = all.filter(({ name }) => name.toString('utf8') === default_branch);
      for (const some of [all, head]) {
        const tips = some.map(({ sha }) => sha);
        await (await this.histories.open(directory, tips, signal))?.close();
      }
    } catch (error) {
      this.logger.warn({ err: error }, `the history of ${directory} could not be put in order`);
    }
  }
}
