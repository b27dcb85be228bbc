import type { AgentEnd } from './agent-process.js';
import type { Fault } from './fault.js';
import type { HandedBack } from './hand-back.js';
import { plainText } from './plain-text.js';
import type { Finish } from './protocol.js';
import type { Secrets } from './secrets.js';

/** Why the runner ended an execution before it was done. */
export type EndReason = 'cancel' | 'timeout' | 'stalled' | 'stop' | 'lost';

export interface Story {
  /** Null when the agent (or what came before it) was left to end by itself. */
  readonly endedFor: EndReason | null;
  /** Null when no process was started, or none came to its end. */
  readonly agent: AgentEnd | null;
  readonly fault: Fault | null;
  readonly handedBack: HandedBack | null;
  /** Last lines of output. */
  readonly tail: string;
  readonly timeoutSeconds: number;
  readonly stallSeconds: number;
}

const LONGEST_ERROR = 8000;

/** What the server is told of an attempt. */
export function verdictOf(story: Story, secrets: Secrets): Finish {
  const { handedBack, agent, tail } = story;
  const finish: Finish = {
    ...judge(story),
    ...(typeof agent?.exitCode === 'number' ? { exit_code: agent.exitCode } : {}),
  };
  if (finish.error_message !== undefined)
    finish.error_message = plainText(secrets.hide(finish.error_message), LONGEST_ERROR);
  if (handedBack !== null) {
    const { commits, filesChanged, baseSha, commitSha, pushed } = handedBack;
    finish.result = { commits, files_changed: filesChanged, summary: tail };
    if (baseSha !== null) finish.base_sha = baseSha;
    // Only what the server has: a commit it cannot look up would be a promise not kept.
    if (pushed && commitSha !== null) finish.commit_sha = commitSha;
  }
  return finish;
}

function judge(story: Story): Finish {
  const fault = story.fault ?? story.handedBack?.fault ?? null;
  switch (story.endedFor) {
    case 'cancel':
      return { outcome: 'cancelled' };
    case 'stop':
      return { outcome: 'released', error_message: 'The worker was stopped.' };
    case 'lost':
      return { outcome: 'released', error_message: 'The execution was given to another worker.' };
    case 'timeout':
      return failed('timeout', `Not done within ${String(story.timeoutSeconds)} s.`, story);
    case 'stalled':
      return failed('stalled', `No output for ${String(story.stallSeconds)} s.`, story);
    case null:
      break;
  }
  if (fault !== null) {
    const retryable = fault.retryable === undefined ? {} : { retryable: fault.retryable };
    return { outcome: 'failed', failure_reason: fault.reason, error_message: fault.message, ...retryable };
  }
  const { agent } = story;
  if (agent === null || agent.exitCode === 0) return { outcome: 'completed' };
  const how = agent.exitCode === null ? `signal ${agent.endedBy ?? 'unknown'}` : `exit code ${String(agent.exitCode)}`;
  return failed('agent_error', `The agent ended with ${how}.`, story);
}

const failed = (reason: 'timeout' | 'stalled' | 'agent_error', text: string, { tail }: Story): Finish => ({
  outcome: 'failed',
  failure_reason: reason,
  error_message: tail === '' ? text : `${text}\n${tail}`,
});
