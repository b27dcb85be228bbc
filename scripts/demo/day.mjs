// The day itself: who is given what, and what goes wrong. Nothing here waits for a time, only for facts.
import { asTask, PLAN } from './tasks.mjs';

const AT_ONCE = ['schema', 'api', 'page'];
const LAST = 3;
const FINAL = ['completed', 'failed', 'cancelled', 'skipped'];

/** When what happened that no task tells of; milliseconds since the epoch. */
export class Chronicle {
  began = Date.now();
  ended = 0;
  /** @type {{ from: number, to: number, label: string }[]} */
  outages = [];
  /** @type {{ at: number, label: string }[]} */
  marks = [];
  /** @type {Record<string, string>} ids of the tasks by their names */
  ids = {};

  /** @param {(text: string) => void} say */
  constructor(say) {
    this.say = say;
  }

  mark(label) {
    this.marks.push({ at: Date.now(), label });
    this.say(label);
  }
}

/**
 * @param {import('./stage.mjs').Stage} stage
 * @param {Chronicle} chronicle
 */
export async function liveThrough(stage, chronicle) {
  const { person } = stage;
  await beginOnTheSmallDisk(stage, chronicle);
  for (const name of AT_ONCE) stage.letGo(name);

  // The disk is full, and what it was to hold is made elsewhere.
  stage.letGo('export');
  const [small] = (await stage.workers()).slice(LAST);
  await stage.until('the worker with the full disk has said so', async () => {
    const { items } = await person.get('/events?types=disk.low');
    return items.some(({ subject }) => subject.worker_id === small.id);
  });
  chronicle.mark('the disk of the last worker is full');
  // It would be tried again in a minute.
  await stage.until('export waits for its next attempt', async () => {
    const { status, attempts } = await person.get(`/tasks/${chronicle.ids.export}`);
    return status !== 'running' || attempts > 1;
  });
  await person.patch(`/tasks/${chronicle.ids.export}`, { run_at: new Date().toISOString() });

  // Somebody thinks better of it; what was to follow is not begun.
  await stage.sees('import', 'began');
  await person.post(`/tasks/${chronicle.ids.import}/cancel`, {});
  chronicle.mark('import is cancelled');

  // A machine runs out of memory.
  await stage.sees('search', 'began');
  stage.letGo('search');
  await stage.sees('search', 'tried');
  const [running] = (await person.get(`/tasks/${chronicle.ids.search}/executions`)).items;
  const workers = await stage.workers();
  const at = workers.findIndex(({ id }) => id === running.worker_id);
  await stage.killWorker(at);
  chronicle.mark(`${workers[at].name} is killed`);

  // The server loses its power while the last task is at work.
  await stage.sees('release', 'began');
  const from = Date.now();
  chronicle.say('the server is killed');
  await stage.server.kill();
  stage.letGo('release');
  await stage.server.start();
  chronicle.outages.push({ from, to: Date.now(), label: 'no server' });
  chronicle.say('the server is back');

  await stage.until('every task has ended', async () => {
    const tasks = await Promise.all(Object.values(chronicle.ids).map((id) => person.get(`/tasks/${id}`)));
    return tasks.every(({ status }) => FINAL.includes(status));
  });
  await tidyUp(stage, chronicle);
  chronicle.ended = Date.now();
}

/** The first task goes to the worker with the small disk, as the others are paused until it has it. */
async function beginOnTheSmallDisk(stage, chronicle) {
  const { person } = stage;
  const others = (await stage.workers()).slice(0, LAST);
  for (const { id } of others) await person.post(`/workers/${id}/pause`, { note: 'the morning has not begun' });
  const where = { gates: stage.gates, repository: stage.repository };
  const { items } = await person.post('/tasks/bulk', { tasks: PLAN.map((planned) => asTask(planned, where)) });
  for (const { id, name } of items) chronicle.ids[name] = id;
  chronicle.say(`${items.length} tasks are given`);
  await stage.sees('export', 'began');
  for (const { id } of others) await person.post(`/workers/${id}/resume`, {});
  chronicle.say('all workers are at work');
}

/** Somebody looks at what is left of the day. What may hold work that is nowhere else goes only when they say so. */
async function tidyUp(stage, chronicle) {
  const { person, repository } = stage;
  const workers = await stage.workers();
  const left = await stage.until('the workers have told what they keep', async () => {
    const { items } = await person.get(`/worktrees?repository_id=${repository}`);
    const isTold = items.length > 0 && items.length === stage.leftovers().length;
    return isTold ? items : null;
  });
  const cleanUp = { repository_id: repository, unused_for_seconds: 0 };
  const { decisions } = await person.post('/worktrees/cleanup', { ...cleanUp, dry_run: true });
  for (const { remove, because, worktree_id } of decisions) {
    const { worker_id, kept_because } = left.find(({ id }) => id === worktree_id);
    const worker = workers.find(({ id }) => id === worker_id).name;
    chronicle.say(`${worker} has kept a checkout${kept_because === null ? '' : `, because ${kept_because}`}`);
    chronicle.say(`  it would ${remove ? 'go' : 'stay'}: ${because}`);
  }
  await person.post('/worktrees/cleanup', { ...cleanUp, dry_run: false });
  for (const { remove, worktree_id } of decisions)
    if (!remove) await person.delete(`/worktrees/${worktree_id}?force=true`);
  await stage.until('what the workers kept is gone', async () => {
    const { items } = await person.get(`/worktrees?repository_id=${repository}`);
    return items.length === 0 && stage.leftovers().length === 0;
  });
  chronicle.say('nothing is left of the day but its work');
}
