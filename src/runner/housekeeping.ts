import { carryOut, decide, type Occupant } from './cleanup.js';
import { Refused, Unavailable } from './control-plane.js';
import { ExecutionDirectory } from './execution-directory.js';
import type { House } from './house.js';
import { Inventory } from './inventory.js';
import { pause } from './patience.js';
import type { WorktreeReport } from './protocol.js';
import type { Workload } from './workload.js';

/** After a round that failed. */
const REST_MS = 5000;
/** However often there is news, it rests for as long as a round has taken, but no longer than this. */
const LONGEST_REST_MS = 10_000;

/** Tells the server what is on this worker's disk, and keeps that within the budget. */
export class Housekeeping {
  private readonly inventory: Inventory;
  /** What the server last asked to be removed. */
  private asked: ReadonlySet<string> = new Set();
  /** Those of them that are to go with what they hold. */
  private forced: ReadonlySet<string> = new Set();

  constructor(
    private readonly house: House,
    private readonly workload: Workload,
  ) {
    this.inventory = new Inventory(house, workload);
  }

  /** Goes round at once, after everything that ends, when asked to, and now and then, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.workload.takeInventoryWish();
      const began = performance.now();
      let restMs = REST_MS;
      try {
        await this.goRound(signal);
        restMs = Math.min(performance.now() - began, LONGEST_REST_MS);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused || error instanceof Unavailable)
          this.house.log.debug({ reason: error.message }, 'the inventory of checkouts was not taken');
        else this.house.log.warn({ err: error }, 'the checkouts could not be looked through');
        // It is asked for with every answer until it is taken.
      }
      await pause(restMs, signal).catch(() => undefined);
      if (this.workload.takeInventoryWish()) continue;
      if (signal.aborted) return;
      const either = new AbortController();
      const end = (): void => either.abort();
      signal.addEventListener('abort', end);
      const everyMs = this.house.settings.runner.inventory_seconds * 1000;
      const waits = [this.workload.changed(either.signal), pause(everyMs, either.signal)];
      await Promise.race(waits).catch(() => undefined);
      either.abort();
      signal.removeEventListener('abort', end);
      await Promise.allSettled(waits);
    }
  }

  /** One round: what must go goes, what is there is told, and what the server then asks for goes, too. */
  async goRound(signal: AbortSignal): Promise<void> {
    const found = await this.inventory.checkouts();
    const before = (await this.cleanUp({ found })).length === 0 ? found : await this.inventory.checkouts();
    const { remove_worktrees, force_worktrees } = await this.house.plane.reportWorktrees(before, signal);
    this.asked = new Set(remove_worktrees);
    // A server of the version before has no such list.
    this.forced = new Set(force_worktrees as readonly string[] | undefined);
    if (this.asked.size > 0 && (await this.cleanUp()).length > 0)
      await this.house.plane.reportWorktrees(await this.inventory.checkouts(), signal);
  }

  /** What is decided here and now, and done unless it is a dry run. Answers what went, or would have gone. */
  async cleanUp({ dryRun = false, found }: { dryRun?: boolean; found?: readonly WorktreeReport[] } = {}): Promise<
    Occupant[]
  > {
    const { house, asked, forced } = this;
    const occupants = await this.inventory.occupants(found ?? (await this.inventory.checkouts()));
    const decisions = decide(occupants, { budget: house.settings.runner.disk_budget, asked, forced });
    for (const { occupant, remove, because } of decisions) {
      const facts = { kind: occupant.kind, id: occupant.id, bytes: occupant.bytes, because };
      if (remove) house.log.info(facts, dryRun ? 'would be removed' : 'is removed');
      else if (asked.has(occupant.id)) house.log.warn(facts, 'was to be removed, and stays');
    }
    return carryOut(decisions, { dryRun, remove: (occupant) => this.remove(occupant) });
  }

  private async remove({ kind, id }: Occupant): Promise<void> {
    if (kind === 'cache') await this.house.cache.remove(id);
    else if (!this.workload.has(id)) await ExecutionDirectory.of(this.house.directory, id).remove();
  }
}
