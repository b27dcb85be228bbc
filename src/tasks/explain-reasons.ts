import { installHint } from '../agents/known-clis.js';
import type { KeyWait, WaitFacts } from '../queue/queue-views.service.js';
import type { Dependency } from './dependencies.store.js';
import { FAILURE_RULES } from './failure-reasons.js';
import type { Task } from './task.entity.js';
import type { TaskStatus } from './task.states.js';

export const REASON_CODES = [
  'agent-disabled',
  'agent-limit',
  'agent-type-unserved',
  'budget',
  'cancel-requested',
  'cancelled',
  'cli-missing',
  'cli-signed-out',
  'completed',
  'dependency-ended',
  'dependency-gone',
  'dependency-unfinished',
  'failed',
  'fleet-paused',
  'label-missing',
  'moving',
  'no-live-worker',
  'no-worker-fits',
  'provider-limit',
  'queued',
  'repository-limit',
  'running',
  'scheduled',
  'waits-for-key',
  'workers-busy',
  'workers-paused',
] as const;

export type ReasonCode = (typeof REASON_CODES)[number];

/** One thing to know about where a task is. */
export interface ExplainReason {
  code: ReasonCode;
  detail: string;
  [fact: string]: unknown;
}

const BROKEN: readonly TaskStatus[] = ['failed', 'cancelled', 'skipped'];

/** What a blocked task waits for, those that will not complete by themselves first. */
export function reasonsToBlock(dependencies: readonly Dependency[]): ExplainReason[] {
  const unfinished = dependencies.filter(({ status }) => status !== 'completed');
  const [broken, open] = [unfinished.filter(isBroken), unfinished.filter((one) => !isBroken(one))];
  return [
    ...broken.map((one) =>
      about(
        one,
        'dependency-ended',
        `It waits for "${one.name}", which is ${one.status}. Retry that one, or take it from the dependencies.`,
      ),
    ),
    ...open.map((one) => about(one, 'dependency-unfinished', `It waits for "${one.name}", which is ${one.status}.`)),
  ];
}

/** Why a task was passed over, and how it comes back. */
export function reasonsToSkip(dependencies: readonly Dependency[]): ExplainReason[] {
  const unfinished = dependencies.filter(({ status }) => status !== 'completed');
  const causes = unfinished.filter(isBroken);
  if (causes.length > 0)
    return causes.map((one) =>
      about(
        one,
        'dependency-ended',
        `It was passed over because "${one.name}" is ${one.status}. Retry that one: when it completes, this one comes back. Or retry this one and take the other from its dependencies.`,
      ),
    );
  if (unfinished.length > 0)
    return unfinished.map((one) =>
      about(one, 'dependency-unfinished', `It comes back when "${one.name}" completes, which is ${one.status}.`),
    );
  return [{ code: 'dependency-gone', detail: 'What it was passed over for is not in its way any more. Retry it.' }];
}

const isBroken = ({ status }: Dependency): boolean => BROKEN.includes(status);

const about = ({ id, name, status }: Dependency, code: ReasonCode, detail: string): ExplainReason => ({
  code,
  detail,
  task_id: id,
  name,
  task_status: status,
});

/** Why a pending task is not in the queue: another one has its key, or its time has not come. */
export function reasonsToWaitForKey(
  wait: KeyWait,
  holder: { id: string; name: string; status: TaskStatus } | null,
): ExplainReason[] {
  const reasons: ExplainReason[] = [];
  if (!wait.ready) reasons.push(scheduled(wait.run_at));
  if (holder !== null)
    reasons.push({
      code: 'waits-for-key',
      detail: `"${holder.name}" has the same concurrency_key "${wait.key}" and is ${holder.status}; this one is queued at its end.`,
      concurrency_key: wait.key,
      task_id: holder.id,
      name: holder.name,
      task_status: holder.status,
    });
  if (reasons.length === 0)
    reasons.push({
      code: 'waits-for-key',
      detail: `The concurrency_key "${wait.key}" is free; it is queued within seconds.`,
      concurrency_key: wait.key,
    });
  return reasons;
}

/** What the attempts so far have left of the budget, when that is nothing. */
export function reasonsOfBudget({ usage, max_cost_usd, max_tokens }: Task): ExplainReason[] {
  if (usage === null) return [];
  const tokens = usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens;
  const reasons: ExplainReason[] = [];
  if (max_cost_usd !== null && usage.cost_usd !== null && usage.cost_usd >= Number(max_cost_usd))
    reasons.push({
      code: 'budget',
      detail: `Its attempts have cost ${String(usage.cost_usd)} of ${String(Number(max_cost_usd))} US dollars.`,
      used: usage.cost_usd,
      max_cost_usd: Number(max_cost_usd),
    });
  if (max_tokens !== null && tokens >= Number(max_tokens))
    reasons.push({
      code: 'budget',
      detail: `Its attempts have used ${String(tokens)} of ${max_tokens} tokens.`,
      used: tokens,
      max_tokens: Number(max_tokens),
    });
  return reasons;
}

/** Who runs it, and what has been asked of them. */
export function reasonsToRun(task: Task): ExplainReason[] {
  const { worker_id, current_execution_id: execution_id } = task;
  const detail = worker_id === null ? 'It was started by hand, outside of the fleet.' : 'A worker runs it.';
  const reasons: ExplainReason[] = [{ code: 'running', detail, worker_id, execution_id }];
  if (task.cancel_requested_at)
    reasons.push({ code: 'cancel-requested', detail: 'It is to be cancelled; its worker has been told to end it.' });
  return reasons;
}

/** Why a task has ended, with what to do about it. */
export function reasonsToEnd(task: Task): ExplainReason[] {
  const { failure_reason, error_message, retry_count, max_retries } = task;
  if (task.status === 'completed') return [{ code: 'completed', detail: 'It has succeeded.' }];
  if (task.status === 'cancelled')
    return [{ code: 'cancelled', detail: error_message ? `It was cancelled: ${error_message}` : 'It was cancelled.' }];
  const hint = FAILURE_RULES[failure_reason ?? 'unknown'].hint;
  const spent = retry_count >= max_retries ? `No retry is left of ${String(max_retries)}.` : 'No retry would help.';
  const said = error_message === null || error_message === hint ? '' : `${error_message} `;
  return [
    {
      code: 'failed',
      detail: `${said}${hint} ${spent}`,
      failure_reason: failure_reason ?? 'unknown',
      hint,
      execution_id: task.current_execution_id,
    },
  ];
}

const scheduled = (runAt: Date): ExplainReason => ({
  code: 'scheduled',
  detail: `It starts at ${runAt.toISOString()} at the earliest.`,
  run_at: runAt.toISOString(),
});

/** What is the matter with a CLI that no worker can start an agent with. */
const cliReason = (cli: string, signedOut: readonly string[]): ExplainReason =>
  signedOut.length === 0
    ? { code: 'cli-missing', detail: `No live worker has ${cli}. ${installHint(cli)}`, cli }
    : {
        code: 'cli-signed-out',
        detail: `${cli} is installed, but not signed in on any live worker that has it (${signedOut.join(', ')}). Sign it in there as the account that agents run as; the worker tells of it when it looks again (LAUNCHERS_SECONDS) or is started again.`,
        cli,
        workers: signedOut,
      };

/** Each test of the claim that fails, by what it means for people. */
export function reasonsToWait(facts: WaitFacts): ExplainReason[] {
  const reasons: ExplainReason[] = facts.ready ? [] : [scheduled(facts.run_at)];
  const add = (when: boolean, code: ReasonCode, detail: string, more: Record<string, unknown> = {}): void => {
    if (when) reasons.push({ code, detail, ...more });
  };
  add(
    facts.fleet_paused,
    'fleet-paused',
    `The fleet of the organization is paused${facts.fleet_note === null ? '' : ` (${facts.fleet_note})`}. Resume it with POST /fleet/resume.`,
    { note: facts.fleet_note },
  );
  add(!facts.agent_enabled, 'agent-disabled', `The agent ${facts.agent_type} is switched off.`);
  const { max_concurrent, agent_running, max_running, repository_running, limited_until } = facts;
  if (max_concurrent !== null)
    add(
      agent_running >= max_concurrent,
      'agent-limit',
      `${String(agent_running)} executions of ${facts.agent_type} run, and ${String(max_concurrent)} may at a time.`,
      { running: agent_running, max_concurrent },
    );
  if (max_running !== null)
    add(
      repository_running >= max_running,
      'repository-limit',
      `${String(repository_running)} tasks of its repository run, and ${String(max_running)} may at a time.`,
      { running: repository_running, max_running },
    );
  if (limited_until !== null) {
    const until = limited_until.toISOString();
    const detail = `The account of ${facts.launcher} is at a limit of its provider until ${until}.`;
    add(true, 'provider-limit', detail, { launcher: facts.launcher, until });
  }
  add(facts.live === 0, 'no-live-worker', 'No worker of this organization or of the instance is alive. Start one.');
  if (facts.live > 0) {
    add(facts.active === 0, 'workers-paused', 'Every live worker is paused or draining. Resume one.');
    add(facts.serving_type === 0, 'agent-type-unserved', `No live worker takes tasks of the type ${facts.agent_type}.`);
    if (facts.with_cli === 0) reasons.push(cliReason(facts.launcher, facts.signed_out ?? []));
    add(facts.with_labels === 0, 'label-missing', 'No live worker has all the labels it requires.', {
      required_labels: facts.required_labels,
    });
    const each = facts.active > 0 && facts.serving_type > 0 && facts.with_cli > 0 && facts.with_labels > 0;
    add(
      facts.able === 0 && each,
      'no-worker-fits',
      'Live workers meet each of its demands, but none meets all of them.',
    );
    add(facts.able > 0 && facts.with_room === 0, 'workers-busy', 'Every worker that may take it is at its capacity.');
  }
  if (reasons.length === 0)
    reasons.push({ code: 'queued', detail: `It is next for a worker at place ${String(facts.position)} of its lane.` });
  return reasons;
}
