// What a worker is put through. Each chapter tells what was wrong, and the next begins whatever came of it.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CHANNEL_CHAPTERS } from './channel-chapters.mjs';
import { NotSeen, SETTLING_MS } from './exam.mjs';
import { expectLines, expectOneWhole, MOST_AT_ONCE, soon, timesOf } from './expectations.mjs';
import { LAST_CHAPTERS } from './last-chapters.mjs';

/** Who asks again this soon after an answer that had nothing, and does so several times, does not wait. */
const SOON_MS = 150;
const SOON_PAUSED_MS = 500;
const LARGE_LINES = 150;
/** Words about what is lost that were on their way, and an end for good measure. */
const MOST_LATE = 3;
const AWAY_MS = 3000;
const PAUSED_MS = 4000;

const EVERY_VERB = ['heartbeat', 'claim', 'exchange', 'logs', 'progress', 'finish'];
/** Over the channel it is told before any answer. */
const byItself = ({ ways }) => (ways.channel > 0 ? ' (it was told over the channel; answers came later)' : '');

/** @typedef {(exam: import('./exam.mjs').Exam, fault: (rule: string, detail: string) => void) => Promise<void>} Chapter */

/** @type {Record<string, { about: string, run: Chapter }>} */
export const CHAPTERS = {
  work: { about: 'registers, claims, runs commands, sends their output, says how they ended', run: work },
  git: { about: 'fetches and pushes with its token and the id of the execution', run: git },
  large: { about: 'has a command that says 9 MB at once, more than fits into a message', run: large },
  answers: { about: 'loses answers to a claim, to log entries and to an end', run: lostAnswers },
  cancel: { about: 'is told to cancel', run: cancel },
  lost: { about: 'loses an execution', run: lost },
  pause: { about: 'is paused and resumed', run: pause },
  away: { about: 'meets a server that answers 503 for a while', run: away },
  restart: { about: 'meets a server that is killed and comes back', run: restart },
  ...CHANNEL_CHAPTERS,
  ...LAST_CHAPTERS,
};

async function work(exam, fault) {
  const good = await exam.give('for i in 1 2 3 4 5; do echo line $i; done; echo ünïcode');
  const execution = await exam.execution(good);
  const task = await exam.ended(good);
  if (task.status !== 'completed')
    fault('work', `a command that ends with 0 made its task ${task.status}: ${task.error_message ?? ''}`);
  await expectLines(exam, fault, execution, ['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'ünïcode']);
  // Whoever waits for work beats meanwhile, and takes no answer for another.
  const since = Date.now();
  const beats = () => exam.words.filter(({ verb, taken, at }) => verb === 'heartbeat' && taken && at > since);
  await exam.until(() => beats().length >= 2, 'while it had nothing to do it sent no heartbeats');
  const bad = await exam.give('echo half; exit 3');
  const failed = await exam.ended(bad);
  if (failed.status !== 'failed') fault('work', `a command that ends with 3 made its task ${failed.status}`);
  const { log_incomplete } = await exam.owner.get(`/executions/${execution}`);
  if (log_incomplete) fault('logs', '`log_entries` of finish is not the number of entries it sent');
}

async function git(exam, fault) {
  const name = randomBytes(6).toString('hex');
  const path = join(exam.stand.repositories, name);
  const author = ['-c', 'user.name=examiner', '-c', 'user.email=examiner@localhost'];
  const run = (...args) =>
    execFileSync('git', [...author, ...args], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' }).trim();
  run('init', '-q', '-b', 'main', path);
  run('-C', path, 'commit', '-q', '--allow-empty', '-m', 'chore: first');
  const repository = await exam.owner.post('/repositories', { local_path: path });
  const id = await exam.give('git log --format=%s; echo hello > result.txt', { repository_id: repository.id });
  const execution = await exam.execution(id);
  const task = await exam.ended(id);
  if (task.status !== 'completed')
    return fault(
      'git',
      `a task in a repository is ${task.status}: ${task.failure_reason ?? ''} ${task.error_message ?? ''}`,
    );
  if (!(await exam.log(execution)).includes('chore: first'))
    fault('git', 'the command did not run in a checkout of the repository');
  const { branch, commit_sha } = await exam.owner.get(`/executions/${execution}`);
  const mirror = (...args) => run('-C', join(exam.stand.mirrors, `${repository.id}.git`), ...args);
  try {
    if (mirror('rev-parse', '--verify', `refs/heads/${branch}`) !== commit_sha)
      fault('git', '`commit_sha` is not what it pushed');
    if (mirror('show', `refs/heads/${branch}:result.txt`) !== 'hello')
      fault('git', 'what the command wrote is not on the branch');
  } catch {
    fault('git', `nothing was pushed to the branch of the execution (${branch})`);
  }
}

async function large(exam, fault) {
  const line = 'x'.repeat(60_000);
  const script = `head -c ${LARGE_LINES * line.length} /dev/zero | tr '\\0' x | fold -w ${line.length}; echo; echo over`;
  const id = await exam.give(script);
  const execution = await exam.execution(id);
  const task = await exam.ended(id);
  if (task.status !== 'completed')
    fault('large', `a command that says much made its task ${task.status}: ${task.error_message ?? ''}`);
  const said = (await exam.log(execution)).filter((message) => message === line || message === 'over');
  if (said.length !== LARGE_LINES + 1 || said.at(-1) !== 'over')
    fault('large', `of ${LARGE_LINES + 1} lines of a command ${said.length} are in its log`);
}

async function lostAnswers(exam, fault) {
  const { losing } = exam.recorder;
  const isGrant = ({ verb, status, answer }) =>
    ['claim', 'exchange'].includes(verb) && status === 200 && answer.executions.length > 0;
  let isClaimed = false;
  losing.push((call) => isGrant(call) && (isClaimed = true));
  losing.push(
    ({ verb, body, status }) => isClaimed && status === 200 && (verb === 'logs' || (body?.logs ?? []).length > 0),
  );
  losing.push(
    ({ verb, body, status }) => isClaimed && status === 200 && (verb === 'finish' || (body?.finish ?? []).length > 0),
  );
  const id = await exam.give('for i in 1 2 3 4 5 6 7 8; do echo part $i; sleep 0.1; done');
  await exam.until(() => isClaimed, 'it did not claim a task that was there for it');
  const execution = await exam.execution(id).catch(() => null);
  if (execution === null) {
    losing.length = 0;
    return fault(
      'answers',
      'an answer to a claim was lost, and it did not ask again with the same `request_key`: what it was given lies idle until its lease ends',
    );
  }
  const task = await exam.ended(id);
  if (task.status !== 'completed')
    fault('answers', `after lost answers the task is ${task.status}: ${task.error_message ?? ''}`);
  await expectLines(
    exam,
    fault,
    execution,
    [1, 2, 3, 4, 5, 6, 7, 8].map((at) => `part ${at}`),
  );
  await exam
    .until(
      () => exam.words.some(({ verb, execution: of, taken }) => verb === 'finish' && of === execution && taken),
      'an answer to its finish was lost, and it did not say it again',
    )
    .catch((error) => fault('answers', messageOf(error)));
  losing.length = 0;
}

async function cancel(exam, fault) {
  const { mark, script } = exam.endless();
  const id = await exam.give(script, { mark });
  try {
    const execution = await exam.execution(id);
    await exam.said(execution, 'started');
    await exam.withLate(EVERY_VERB, async () => {
      await exam.owner.post(`/tasks/${id}/cancel`);
      await exam.until(
        () => exam.alive(mark).length === 0,
        `the command still ran long after the worker was told to cancel it${byItself(exam)}`,
      );
    });
    const task = await exam.ended(id);
    const [word] = exam.words.filter(({ verb, execution: of }) => verb === 'finish' && of === execution);
    if (word?.said.outcome !== 'cancelled')
      fault(
        'cancel',
        `it ended a cancelled execution as ${word?.said.outcome ?? 'nothing'} (the task is ${task.status})`,
      );
  } finally {
    await free(exam, id, mark);
  }
}

async function lost(exam, fault) {
  const { mark, script } = exam.endless();
  const id = await exam.give(script, { mark });
  try {
    const execution = await exam.execution(id);
    await exam.said(execution, 'started');
    await exam.withLate(EVERY_VERB, async () => {
      await exam.takeAway(execution);
      await exam.until(
        () => exam.alive(mark).length === 0,
        `the command still ran long after the worker was told that its execution is lost${byItself(exam)}`,
      );
    });
    const late = () => {
      const isTold = ({ answer, code, execution: of }) =>
        (answer?.lost ?? []).includes(execution) || (of === execution && code === 'execution/lease-lost');
      const told = exam.words.find(isTold)?.told ?? Infinity;
      return exam.words.filter(({ verb, execution: of, at }) => verb !== 'heartbeat' && of === execution && at > told);
    };
    if (await exam.seen(() => late().length > MOST_LATE))
      fault('lost', `it went on about an execution that it was told is lost: ${late().length} further words`);
  } finally {
    await free(exam, id, mark);
  }
}

async function pause(exam, fault) {
  const worker = await exam.worker();
  await exam.owner.post(`/workers/${worker}/pause`);
  await exam.until(
    () => exam.words.some(({ answer }) => answer?.desired_status === 'paused'),
    'it asked nothing, so that it could not learn that it is paused',
  );
  const before = exam.words.length;
  const meanwhile = () => exam.words.slice(before);
  const hasty = () =>
    soon(
      meanwhile().filter(({ verb }) => verb === 'claim'),
      SOON_PAUSED_MS,
    ) > MOST_AT_ONCE;
  const beats = () => meanwhile().some(({ verb }) => verb === 'heartbeat');
  if (await exam.seen(hasty, PAUSED_MS))
    fault(
      'pause',
      'while paused it asks for work without a pause: the answer comes at once, so it has to wait by itself',
    );
  else await exam.until(beats, 'while paused it sent no heartbeat').catch((error) => fault('pause', messageOf(error)));
  const id = await exam.give('echo resumed');
  await exam.withLate(['heartbeat'], async () => {
    await exam.owner.post(`/workers/${worker}/resume`);
    await exam
      .execution(id)
      .catch((error) => fault('pause', `after it was resumed ${messageOf(error)}${byItself(exam)}`));
  });
  const task = await exam.ended(id);
  if (task.status !== 'completed') fault('pause', `after it was resumed a task is ${task.status}`);
}

async function away(exam, fault) {
  const id = await exam.give('echo started; sleep 0.5; echo on; sleep 1.5; echo over');
  const execution = await exam.execution(id);
  await exam.said(execution, 'started');
  const from = Date.now();
  exam.recorder.isAway = true;
  await exam.pause(AWAY_MS);
  exam.recorder.isAway = false;
  exam.silences.push([from, Date.now() + SETTLING_MS]);
  const calls = exam.recorder.calls.filter(({ at }) => at > from && at <= from + AWAY_MS);
  const paths = new Set(calls.map(({ path }) => path));
  const hasty = [...paths].find(
    (path) => soon(calls.filter((call) => call.path === path).map(timesOf), SOON_MS) > MOST_AT_ONCE,
  );
  if (hasty) fault('away', `it calls ${hasty} without a pause while the server answers 503 with Retry-After`);
  await expectOneWhole(exam, fault, 'away', id, execution, ['started', 'on', 'over']);
}

async function restart(exam, fault) {
  const id = await exam.give('echo started; sleep 0.5; echo on; sleep 1.5; echo over');
  const execution = await exam.execution(id);
  await exam.said(execution, 'started');
  const from = Date.now();
  exam.recorder.cut();
  if (exam.isShared) await exam.pause(AWAY_MS);
  else {
    await exam.stand.kill();
    await exam.stand.start();
  }
  exam.recorder.isCut = false;
  exam.silences.push([from, Date.now() + SETTLING_MS]);
  await expectOneWhole(exam, fault, 'restart', id, execution, ['started', 'on', 'over']);
}

/** For the next chapter: the worker has a place, whatever it did with this task. */
async function free(exam, id, mark) {
  const { status, current_execution_id: execution } = await exam.owner.get(`/tasks/${id}`);
  if (status === 'running' && execution !== null) await exam.takeAway(execution).catch(() => undefined);
  await exam.clear(mark);
}

const messageOf = (error) => {
  if (error instanceof NotSeen) return error.message;
  throw error;
};
