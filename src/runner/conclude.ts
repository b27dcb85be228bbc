import { rename } from 'node:fs/promises';
import { Refused } from './control-plane.js';
import { Delivery } from './delivery.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { readSpooledFinish, spoolFinish, type SpooledFinish } from './finish-spool.js';
import type { House } from './house.js';
import type { Finish } from './protocol.js';
import { UNHURRIED, type RestBounds } from './rest-of-log.js';

/** Spools the result, tells it, and clears up when nothing of the work would be lost. */
async function finished(
  house: House,
  directory: ExecutionDirectory,
  delivery: Delivery,
  { finish, keep }: SpooledFinish,
  bounds: RestBounds,
): Promise<void> {
  await delivery.sayLeftOut().catch((error: unknown) => warnOfSpool(house, directory, error));
  const spooled = { finish: { ...finish, ...delivery.counts }, keep };
  await delivery.sync().catch((error: unknown) => warnOfSpool(house, directory, error));
  await spool(house, directory, spooled);
  await tell(house, directory, delivery, spooled, bounds);
}

async function spool(house: House, directory: ExecutionDirectory, spooled: SpooledFinish): Promise<void> {
  await spoolFinish(directory, spooled).catch((error: unknown) => warnOfSpool(house, directory, error));
}

/** On a full disk the result can still be told, it only would not survive a crash. */
function warnOfSpool({ log }: House, { executionId }: ExecutionDirectory, error: unknown): void {
  log.warn({ execution_id: executionId, err: error }, 'the result could not be spooled');
}

/** The server gave the work to another worker: no result is told, and what was done stays. */
async function lost(house: House, directory: ExecutionDirectory, delivery: Delivery): Promise<void> {
  await delivery.say('warn', 'The server has given this execution up; its agent was ended.').catch(() => undefined);
  await keepBecause(house, directory, 'the execution was lost: the server gave it up, or gave it to another worker');
}

/** Delivers what an earlier run of this worker left: first its log, then its result. */
async function spooled(house: House, directory: ExecutionDirectory): Promise<void> {
  const finish = await readSpooledFinish(directory);
  if (finish === null) return;
  const delivery = await Delivery.open(house, directory, { holdMs: 0, onLost: () => undefined });
  try {
    await tell(house, directory, delivery, finish, UNHURRIED);
  } finally {
    await delivery.close();
  }
}

async function tell(
  house: House,
  directory: ExecutionDirectory,
  delivery: Delivery,
  spooled: SpooledFinish,
  bounds: RestBounds,
): Promise<void> {
  const id = directory.executionId;
  const { keep } = spooled;
  try {
    const finish = await tellLog(house, { directory, delivery, bounds }, spooled);
    const answer = await delivery.finish(finish);
    const facts = { execution_id: id, outcome: finish.outcome, task: answer.task.status };
    house.log.info(facts, 'the result was taken');
    if (answer.execution.log_incomplete) house.log.warn({ execution_id: id }, 'the server has not got the whole log');
    if (keep === null) await directory.remove();
    else await keepBecause(house, directory, keep);
  } catch (error) {
    if (error instanceof Refused) {
      await keepBecause(house, directory, `the server did not take the result (${error.message})`);
    } else house.log.warn({ execution_id: id, err: error }, 'the result waits in the spool for the next start');
  }
}

/** Sends what is not there yet of the log, or a word on what of it is left out. Gives the result with what is told of the log. */
async function tellLog(
  house: House,
  { directory, delivery, bounds }: { directory: ExecutionDirectory; delivery: Delivery; bounds: RestBounds },
  { finish, keep, log_over = false }: SpooledFinish,
): Promise<Finish> {
  if (log_over) return finish;
  const endLog = await delivery.sendRest(bounds);
  if (endLog === null) return finish;
  // From here on the numbers of the entries are others than in the spool: a later run must not go on with those.
  await spool(house, directory, { finish, keep, log_over: true });
  const counts = await endLog();
  const { log_left_out } = counts;
  house.log.warn({ execution_id: directory.executionId, log_left_out }, 'a part of the log was left out');
  return { ...finish, ...counts };
}

/** Writes down why a directory stays. It is then no longer anything a later run would deliver. */
export async function keepBecause(
  house: Pick<House, 'log'>,
  directory: ExecutionDirectory,
  reason: string,
): Promise<void> {
  house.log.warn({ execution_id: directory.executionId, directory: directory.path, reason }, 'the checkout is kept');
  const text = [
    `This checkout is kept because ${reason}.`,
    '',
    'checkout/     the working directory as the agent left it',
    'claim.json    the task it belongs to',
    'log.ndjson    the log',
    'agent.git/    the git directory of the agent, when there is one: do not run git in it, it may hold hooks of the agent',
    '',
    'Delete the directory when you no longer need it.',
    '',
  ].join('\n');
  await directory.write(directory.kept, text);
  if (directory.exists(directory.finish)) await rename(directory.finish, `${directory.finish}.told`);
}

export const conclude = { finished, lost, spooled };
