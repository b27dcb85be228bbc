// What has to be true at the end of the day, each looked at where it is: in the API, in the repository, in the machine.
import { execFileSync } from 'node:child_process';
import { PLAN } from './tasks.mjs';

const ONCE = ['completed', 'cancelled', 'skipped'];

/**
 * @typedef {{ text: string, wrong: string | null }} Fact
 * @param {import('./stage.mjs').Stage} stage
 * @param {import('./day.mjs').Chronicle} chronicle
 * @returns {Promise<Fact[]>}
 */
export async function audit(stage, { ids }) {
  const seen = await Promise.all(
    PLAN.map(async (planned) => ({
      planned,
      task: await stage.person.get(`/tasks/${ids[planned.name]}`),
      attempts: await attemptsOf(stage, ids[planned.name]),
    })),
  );
  return [
    fact('every task is in its right state', seen, ({ planned, task }) => [task.status, planned.status]),
    fact('every attempt ended as it had to, and there was no other', seen, ({ planned, attempts }) => [
      attempts.map(howItEnded).join(', '),
      planned.attempts.join(', '),
    ]),
    fact('every commit is there, with the work it builds on', seen.filter(wasCompleted), ({ planned, attempts }) => [
      filesAt(stage, attempts.at(-1)).join(' '),
      ['README.md', ...filesOf(planned), 'shop.txt', 'till.txt'].sort().join(' '),
    ]),
    await toldOnce(stage, seen),
    compare('no directory is left over', stage.leftovers().join(' '), ''),
  ];
}

/** After the coordinator was stopped. @returns {Fact[]} */
export function auditEnd(stage, code) {
  const living = () => stage.processes().map(({ pid, command }) => `${pid} ${command}`);
  return [
    compare('the coordinator has ended in order', String(code), '0'),
    compare('no process is left over', living().join(', '), ''),
  ];
}

const wasCompleted = ({ planned }) => planned.status === 'completed';

const howItEnded = ({ status, failure_reason }) => (status === 'failed' ? failure_reason : status);

async function attemptsOf(stage, id) {
  const { items } = await stage.person.get(`/tasks/${id}/executions`);
  return items.sort((one, other) => one.attempt - other.attempt);
}

/** The files that the commit of an attempt holds, of which the branch in the mirror tells. */
function filesAt(stage, { branch, commit_sha }) {
  const git = (...args) => execFileSync('git', ['--git-dir', stage.mirror, ...args], { encoding: 'utf8' }).trim();
  const head = git('rev-parse', '--verify', '--end-of-options', `refs/heads/${branch}`);
  if (head !== commit_sha) return [`${branch} is at ${head}, not at ${commit_sha}`];
  return git('ls-tree', '-r', '--name-only', head).split('\n').sort();
}

/** What a task and those before it have made. @param {import('./tasks.mjs').Planned} planned */
function filesOf({ name, after }) {
  const before = after.flatMap((one) => filesOf(PLAN.find((planned) => planned.name === one)));
  return [...new Set([`${name}.txt`, ...before])];
}

/** The end of each task was told once, and no more. */
async function toldOnce(stage, seen) {
  const types = ONCE.map((status) => `task.${status}`);
  const { items } = await stage.person.get(`/events?limit=100&${types.map((type) => `types=${type}`).join('&')}`);
  const told = items.map(({ type, subject }) => `${type} ${subject.task_id}`).sort();
  const wanted = seen.map(({ planned, task }) => `task.${planned.status} ${task.id}`).sort();
  return compare('the end of each task was told once', told.join(', '), wanted.join(', '));
}

/** One fact about several things, which must hold for each. */
function fact(text, all, look) {
  const wrong = all.flatMap((one) => {
    const [is, should] = look(one);
    return is === should ? [] : [`${one.planned.name}: ${is || 'none'} instead of ${should || 'none'}`];
  });
  if (all.length === 0) wrong.push('there was nothing to look at');
  return { text, wrong: wrong.length === 0 ? null : wrong.join('; ') };
}

const compare = (text, is, should) => ({
  text,
  wrong: is === should ? null : `${is || 'none'} instead of ${should || 'none'}`,
});
