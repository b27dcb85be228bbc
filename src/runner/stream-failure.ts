import type { Zone } from './time-zone.js';
import { clockIn } from './told-clock.js';
import { spanIn } from './told-span.js';

/** Why an agent could not do its work, as far as its CLI tells. */
export interface AgentFailure {
  readonly reason: 'rate_limited' | 'quota' | 'auth' | 'context_overflow' | 'agent_error';
  readonly message: string;
  /** When the provider takes requests again, in milliseconds since 1970; null when the message alone may tell. */
  readonly at: number | null;
}

/**
 * How the CLIs and the providers behind them word each reason. The first that fits counts: a quota is often told with the
 * status of a rate limit.
 */
const WORDINGS: readonly (readonly [AgentFailure['reason'], RegExp])[] = [
  [
    'context_overflow',
    /prompt is too long|prompt_too_long|context.?(window|length|limit|overflow)|maximum context|input token count .*exceeds|too many input tokens|ran out of room/i,
  ],
  [
    'quota',
    /quota|usage.?limit|billing|credit balance|out of (credits|extra usage)|insufficient.?(funds|balance|credits)|spend(ing)? limit|(hit|reached) your .*limit|payment required/i,
  ],
  [
    'rate_limited',
    /\b(429|529)\b|rate.?limit|too many requests|overloaded|resource.?exhausted|try again (in|at|later)/i,
  ],
  [
    'auth',
    /\b40[13]\b|unauthori[sz]ed|authentication|auth (method|type)|not (logged in|signed in|authenticated)|please (log ?in|run \/login)|(invalid|incorrect|missing|no|expired).{0,20}(api|x-api|access|auth).?(key|token)|api key not valid|API_KEY_INVALID|environment variable.{0,4}\w*(key|token)/i,
  ],
];

/** A failure by what is said of it. */
export function failureOf(message: string, at: number | null = null): AgentFailure {
  const reason = WORDINGS.find(([, wording]) => wording.test(message))?.[0] ?? 'agent_error';
  return { reason, message, at };
}

/** What is said of a session that is not there to go on with. */
const NO_SESSION = /no conversation found|no rollout found|(session|thread|chat).{0,60}not found|no saved session/i;

export const tellsOfNoSession = (text: string): boolean => NO_SESSION.test(text);

const LONGEST_SECONDS = 604_800;
/**
 * A limit of requests is one of seconds or minutes, rarely of a day. It stops every agent of its account, so that a later
 * time is looked at again after this.
 */
const LONGEST_OF_RATE_SECONDS = 3600;
const LONGEST_OF_MINUTES_SECONDS = 900;
const OF_MINUTES = /per[ -](?:sec|min)|\/(?:s|sec|min|minute)\b|\b[RT]PM\b/i;

/**
 * In how many seconds the provider takes requests again, at least one; null when nothing tells it exactly. `own` is the zone
 * in which agents here tell the time; null when that cannot be known.
 */
export function retryAfter(failure: AgentFailure, now: Date, own: Zone | null): number | null {
  const { at, message } = failure;
  const seconds = at === null ? secondsIn(message, now, own) : (at - now.getTime()) / 1000;
  return seconds === null ? null : Math.min(longestOf(failure), Math.max(1, Math.ceil(seconds)));
}

function longestOf({ reason, message }: AgentFailure): number {
  if (reason === 'quota') return LONGEST_SECONDS;
  return OF_MINUTES.test(message) ? LONGEST_OF_MINUTES_SECONDS : LONGEST_OF_RATE_SECONDS;
}

function secondsIn(message: string, now: Date, own: Zone | null): number | null {
  // `usage limit reached|1763900000`
  const epoch = /\|(\d{10})\b/.exec(message)?.[1];
  if (epoch !== undefined) return Number(epoch) - now.getTime() / 1000;
  return spanIn(message) ?? clockIn(message, now, own);
}
