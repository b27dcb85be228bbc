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
    /\b40[13]\b|unauthori[sz]ed|authentication|auth method|not (logged|signed) in|please (log ?in|run \/login)|(invalid|incorrect|missing|no|expired).{0,20}(api|x-api|access|auth).?(key|token)|api key not valid|API_KEY_INVALID|environment variable.{0,4}\w*(key|token)/i,
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

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const LONGEST_SECONDS = 604_800;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** In how many seconds the provider takes requests again, at least one; null when nothing tells it. */
export function retryAfter({ at, message }: AgentFailure, now: Date): number | null {
  const seconds = at === null ? secondsIn(message, now) : (at - now.getTime()) / 1000;
  return seconds === null ? null : Math.min(LONGEST_SECONDS, Math.max(1, Math.ceil(seconds)));
}

function secondsIn(message: string, now: Date): number | null {
  // `usage limit reached|1763900000`
  const epoch = /\|(\d{10})\b/.exec(message)?.[1];
  if (epoch !== undefined) return Number(epoch) - now.getTime() / 1000;
  const span =
    /(?:try again|retry|resets?|available|wait)\s+(?:in|after|for)?\s*((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*(?:and\s+)?)+)/i.exec(
      message,
    )?.[1];
  return (span === undefined ? null : spanOf(span)) ?? clockIn(message, now);
}

/** `1 day 2h 37.5s` */
function spanOf(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(s|m|h|d)(?:ec|econd|in|inute|our|r|ay)?s?\b/gi)];
  if (parts.length === 0) return null;
  return parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_SECONDS[(unit ?? '').toLowerCase()] ?? 0),
    0,
  );
}

/** `try again at 2:00 AM`, `try again at Nov 27th, 2026 3:04 PM`: a time of this machine's own zone. */
function clockIn(message: string, now: Date): number | null {
  const found =
    /(?:at|resets)\s+(?:([A-Z][a-z]{2})[a-z]* (\d{1,2})(?:st|nd|rd|th)?,? (\d{4}),? (?:at )?)?(\d{1,2})(?::(\d{2}))? ?([AP]M)\b/i.exec(
      message,
    );
  if (found === null) return null;
  const [, month, day, year, hour, minute = '0', half = ''] = found;
  const hours = (Number(hour) % 12) + (half.toUpperCase() === 'PM' ? 12 : 0);
  const time = new Date(now);
  if (month !== undefined) time.setFullYear(Number(year), MONTHS.indexOf(month.toLowerCase()), Number(day));
  time.setHours(hours, Number(minute), 0, 0);
  if (month === undefined && time.getTime() <= now.getTime()) time.setDate(time.getDate() + 1);
  return Number.isNaN(time.getTime()) ? null : (time.getTime() - now.getTime()) / 1000;
}
