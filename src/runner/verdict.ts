import type { AgentEnd } from './agent-process.js';
import type { AgentFacts } from './stream-news.js';
import type { Fault } from './fault.js';
import type { HandedBack } from './hand-back.js';
import { reported } from './listener.js';
import { plainText } from './plain-text.js';
import type { Finish } from './protocol.js';
import type { Secrets } from './secrets.js';
import { failureOf, retryAfter, type AgentFailure } from './stream-failure.js';
import type { Zone } from './time-zone.js';

/** Why the runner ended an execution before it was done. */
export type EndReason = 'cancel' | 'timeout' | 'stalled' | 'stop' | 'lost';

export interface Story {
  /** Null when the agent (or what came before it) was left to end by itself. */
  readonly endedFor: EndReason | null;
  /** Null when no process was started, or none came to its end. */
  readonly agent: AgentEnd | null;
  readonly fault: Fault | null;
  readonly handedBack: HandedBack | null;
  /** What the agent has told of itself; null for one that tells no events. */
  readonly said: AgentFacts | null;
  /** Last lines of output. */
  readonly tail: string;
  /** Last lines on stderr. */
  readonly complaints: string;
  /** The server's time, by which a provider's retry time is told. */
  readonly now: Date;
  /** Zone of the clock that the agent reads; null when that cannot be known. */
  readonly zone: Zone | null;
  readonly timeoutSeconds: number;
  readonly stallSeconds: number;
}

const LONGEST_ERROR = 8000;
const LONGEST_SUMMARY = 16_000;
const LONGEST_NAME = 100;
const LONGEST_SESSION = 200;

/** What the server is told of an attempt. */
export function verdictOf(story: Story, secrets: Secrets): Finish {
  const { handedBack, agent, tail, said } = story;
  const finish: Finish = {
    ...judge(story),
    ...(typeof agent?.exitCode === 'number' ? { exit_code: agent.exitCode } : {}),
    ...(said === null ? {} : toldBy(said)),
  };
  if (finish.error_message !== undefined)
    finish.error_message = plainText(secrets.hide(finish.error_message), LONGEST_ERROR);
  if (handedBack !== null) {
    const { commits, filesChanged, baseSha, commitSha, pushed } = handedBack;
    finish.result = { commits, files_changed: filesChanged, summary: summaryOf(said, secrets) ?? tail };
    if (baseSha !== null) finish.base_sha = baseSha;
    // Only what the server has: a commit it cannot look up would be a promise not kept.
    if (pushed && commitSha !== null) finish.commit_sha = commitSha;
  }
  return finish;
}

/** What an agent has told of itself, as far as the protocol has room for it. */
function toldBy({ usage, session_id, model, subscribed }: AgentFacts): Partial<Finish> {
  return {
    ...(usage !== null && { usage: reported(usage, subscribed) }),
    ...(session_id !== null && session_id.length <= LONGEST_SESSION && { session_id }),
    ...(model !== null && model.length <= LONGEST_NAME && { model }),
  };
}

function summaryOf(said: AgentFacts | null, secrets: Secrets): string | null {
  const result = said?.result?.trim() ?? '';
  return result === '' ? null : plainText(secrets.hide(result), LONGEST_SUMMARY);
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
  const { agent, said, complaints } = story;
  const failure = said?.failure ?? null;
  if (agent === null || (agent.exitCode === 0 && failure === null)) return { outcome: 'completed' };
  // One that tells events and ends without a word has said on stderr what was wrong.
  const known = failure ?? (said === null ? null : failureOf(complaints));
  if (known !== null && (failure !== null || known.reason !== 'agent_error')) return refused(known, story);
  const how = agent.exitCode === null ? `signal ${agent.endedBy ?? 'unknown'}` : `exit code ${String(agent.exitCode)}`;
  return failed('agent_error', `The agent ended with ${how}.`, story);
}

/** What kept the agent from its work, and from when on it may try again. */
function refused(failure: AgentFailure, { now, zone }: Story): Finish {
  const isLimit = failure.reason === 'rate_limited' || failure.reason === 'quota';
  const seconds = isLimit ? retryAfter(failure, now, zone) : null;
  return {
    outcome: 'failed',
    failure_reason: failure.reason,
    error_message: failure.message,
    ...(seconds !== null && { retry_after_seconds: seconds }),
  };
}

const failed = (reason: 'timeout' | 'stalled' | 'agent_error', text: string, { tail }: Story): Finish => ({
  outcome: 'failed',
  failure_reason: reason,
  error_message: tail === '' ? text : `${text}\n${tail}`,
});
