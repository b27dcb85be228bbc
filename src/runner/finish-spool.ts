import type { ExecutionDirectory } from './execution-directory.js';
import type { Finish } from './protocol.js';

/** A result that the server has not acknowledged yet. */
export interface SpooledFinish {
  readonly finish: Finish;
  /** Why the checkout stays after the result is delivered; null when it may go. */
  readonly keep: string | null;
  /** Whether nothing more is to be sent of the log: a part of it was left out. */
  readonly log_over?: boolean;
}

/** The result is on the disk before it is told, so that neither a crash nor a server that is away can lose it. */
export async function spoolFinish(directory: ExecutionDirectory, spooled: SpooledFinish): Promise<void> {
  await directory.write(directory.finish, `${JSON.stringify(spooled, null, 2)}\n`);
}

export async function readSpooledFinish(directory: ExecutionDirectory): Promise<SpooledFinish | null> {
  const content = await directory.readJson(directory.finish);
  return isSpooledFinish(content) ? content : null;
}

const isSpooledFinish = (value: unknown): value is SpooledFinish =>
  typeof value === 'object' && value !== null && 'finish' in value && 'keep' in value;
