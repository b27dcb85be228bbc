import { failureOf, retryAfter, tellsOfNoSession } from './stream-failure.js';

/** A Thursday, at one minute past one in the zone of this machine. */
const NOW = new Date(2026, 10, 26, 1, 1, 0);
const HOUR = 3600;

describe('a failure', () => {
  it.each([
    ['Overloaded', 'rate_limited'],
    ['429 Too Many Requests', 'rate_limited'],
    ['RESOURCE_EXHAUSTED: slow down', 'rate_limited'],
    ['You exceeded your current quota, please check your plan and billing details. (429)', 'quota'],
    ['Claude AI usage limit reached|1999999999', 'quota'],
    ["You've hit your limit · resets 3pm (UTC)", 'quota'],
    ['402 Payment Required', 'quota'],
    ['Missing environment variable: `OPENAI_API_KEY`.', 'auth'],
    ['Please set an Auth method', 'auth'],
    ['Not logged in · Please run /login', 'auth'],
    ['The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 'context_overflow'],
    ['prompt is too long: 212345 tokens > 200000 maximum', 'context_overflow'],
    ['Cannot read properties of undefined', 'agent_error'],
    ['', 'agent_error'],
  ])('that says %j is %s', (message, reason) => {
    expect(failureOf(message).reason).toBe(reason);
  });

  it.each([
    ['Please try again in 20s.', 20],
    ['Rate limit reached. Try again in 1.5 s.', 2],
    ['retry after 37 seconds', 37],
    ['try again in 1 day 2 hours 3 minutes', 26 * HOUR + 180],
    ['Try again in 5m', 300],
    ['usage limit reached|1999999999', Math.min(604_800, Math.ceil(1_999_999_999 - NOW.getTime() / 1000))],
    ['or try again at 2:00 AM.', 59 * 60],
    ['try again at 1:00 AM', 24 * HOUR - 60],
    ['try again at Nov 27th, 2026 1:01 AM.', 24 * HOUR],
    ["You've hit your limit · resets 3pm (UTC)", 14 * HOUR - 60],
    ['Rate limit reached.', null],
    ['exceeded retry limit, last status: 429', null],
  ])('that says %j may be tried again in %s s', (message, seconds) => {
    expect(retryAfter(failureOf(message), NOW)).toBe(seconds);
  });

  it('with a time may be tried again then, at least a second from now and at most a week', () => {
    const at = (seconds: number) => failureOf('quota', NOW.getTime() + seconds * 1000);
    expect(retryAfter(at(90), NOW)).toBe(90);
    expect(retryAfter(at(-90), NOW)).toBe(1);
    expect(retryAfter(at(10_000_000), NOW)).toBe(604_800);
  });
});

it.each([
  ['No conversation found with session ID: 0', true],
  ['Error: thread/resume: thread/resume failed: no rollout found for thread id 0 (code -32600)', true],
  ['Error: Session not found', true],
  ['No saved session found with ID 0.', true],
  ['module not found', false],
])('%j tells of a session that is not there: %s', (text, told) => {
  expect(tellsOfNoSession(text)).toBe(told);
});
