// What a worker is put through. Each chapter tells what was wrong, and the next begins whatever came of it.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { NotSeen } from './exam.mjs';

/** Who asks again this soon after an answer that had nothing, and does so several times, does not wait. */
const SOON_MS = 150;
const SOON_PAUSED_MS = 500;
const MOST_AT_ONCE = 4;
/** Words about what is lost that were on their way, and an end for good measure. */
const MOST_LATE = 3;
const AWAY_MS = 3000;
const PAUSED_MS = 4000;
/** A stop has half a minute: agents get 10 s, and results must be told. */
const STOP_MS = 30_000;

/** @typedef {(exam: import('./exam.mjs').Exam, fault: (rule: string, detail: string) => void) => Promise<void>} Chapter */

/** @type {Record<string, { about: string, run: Chapter }>} */
export const CHAPTERS = {
  work: { about: 'registers, claims, runs commands, sends their output, says how they ended', run: work },
  git: { about: 'fetches and pushes with its token and the id of the execution', run: git },
  answers: { about: 'loses answers to a claim, to log entries and to an end', run: lostAnswers },
  cancel: { about: 'is told to cancel', run: cancel },
  lost: { about: 'loses an execution', run: lost },
  pause: { about: 'is paused and resumed', run: pause },
  away: { about: 'meets a server that answers 503 for a while', run: away },
  restart: { about: 'meets a server that is killed and comes back', run: restart },
  stop: { about: 'is asked to end (SIGTERM)', run: stop },
};

async function work(exam, fault) {
  const good = await exam.give('for i in 1 2 3 4 5; do echo line $i; done; echo ünïcode');
  const execution = await exam.execution(good);
  const task = await exam.ended(good);
  if (task.status !== 'completed')
    fault('work', `a command that ends with 0 made its task ${task.status}: ${task.error_message ?? ''}`);
  await expectLines(exam, fault, execution, ['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'ünïcode']);
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
    await exam.owner.post(`/tasks/${id}/cancel`);
    await exam.until(
      () => exam.alive(mark).length === 0,
      'the command still ran long after the worker was told to cancel it',
    );
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
    await exam.takeAway(execution);
    await exam.until(
      () => exam.alive(mark).length === 0,
      'the command still ran long after the worker was told that its execution is lost',
    );
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
  const registered = () => exam.recorder.calls.find(({ verb, answer }) => verb === 'register' && answer?.worker);
  const { id: worker } = (await exam.until(registered, 'it did not register')).answer.worker;
  const set = (status) => exam.stand.sql('update workers set status = $2 where id = $1', [worker, status]);
  await set('paused');
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
  else if (!beats()) fault('pause', 'while paused it sent no heartbeat');
  await set('active');
  const task = await exam.ended(await exam.give('echo resumed'));
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
  exam.silences.push([from, Date.now() + AWAY_MS]);
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
  exam.silences.push([from, Date.now() + AWAY_MS]);
  await expectOneWhole(exam, fault, 'restart', id, execution, ['started', 'on', 'over']);
}

async function stop(exam, fault) {
  const { mark, script } = exam.endless();
  const id = await exam.give(script, { mark });
  try {
    const execution = await exam.execution(id);
    await exam.said(execution, 'started');
    exam.mayEnd = true;
    exam.silences.push([Date.now(), Infinity]);
    exam.subject.terminate();
    await exam.until(() => exam.subject.end !== null, 'it still ran 30 s after SIGTERM', STOP_MS);
    if (exam.alive(mark).length > 0) fault('stop', 'it ended and left the command that it had started');
    const { status } = await exam.owner.get(`/executions/${execution}`);
    if (status === 'running')
      fault(
        'stop',
        'it ended without handing back what it ran (finish with the outcome `released`): its task waits until the lease ends',
      );
  } finally {
    await exam.clear(mark);
  }
}

async function expectOneWhole(exam, fault, rule, id, execution, lines) {
  const task = await exam.ended(id);
  if (task.status !== 'completed')
    fault(rule, `the task that ran meanwhile is ${task.status}: ${task.error_message ?? ''}`);
  else if (task.current_execution_id !== execution && task.current_execution_id !== null)
    fault(rule, 'the task that ran meanwhile was begun anew');
  await expectLines(exam, fault, execution, lines);
}

/** Each once, in this order; what the worker itself has to say may stand between. */
async function expectLines(exam, fault, execution, lines) {
  const found = (await exam.log(execution)).filter((line) => lines.includes(line));
  if (found.join('\n') !== lines.join('\n'))
    fault('logs', `the log of a command should be ${JSON.stringify(lines)}, and is ${JSON.stringify(found)}`);
}

/** How many came soon after the answer to the one before. */
const soon = (words, milliseconds) =>
  words.filter(({ at }, index) => index > 0 && at - words[index - 1].told < milliseconds).length;

const timesOf = ({ at, answeredAt }) => ({ at, told: answeredAt ?? Infinity });

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
