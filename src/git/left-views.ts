import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AWAY } from './put-away.js';

/** No call takes as long: what is older was left by a process that ended in the middle. */
const LEFT_AFTER_MS = 60 * 60_000;
const SWEEP_EVERY_MS = 10 * 60_000;

/** Deletes the views that processes left which ended in the middle. */
export class LeftViews {
  private sweeping: Promise<void> | null = null;
  private sweptAt = Number.NEGATIVE_INFINITY;

  /** Now and then, as processes end in the middle at any time. Two at once would be in each other's way. */
  async sweep(views: string): Promise<void> {
    if (performance.now() - this.sweptAt < SWEEP_EVERY_MS) return;
    this.sweeping ??= sweep(views).finally(() => {
      this.sweptAt = performance.now();
      this.sweeping = null;
    });
    await this.sweeping;
  }
}

/** What was put away and not deleted goes at once, as nobody works with it. */
async function sweep(views: string): Promise<void> {
  for (const name of await readdir(views).catch(() => [])) {
    const path = join(views, name);
    const status = await stat(path).catch(() => null);
    if (status !== null && (name.endsWith(AWAY) || Date.now() - status.mtimeMs > LEFT_AFTER_MS))
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
