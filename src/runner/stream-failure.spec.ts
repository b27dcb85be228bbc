import { failureOf, retryAfter, tellsOfNoSession } from './stream-failure.js';
import { zoneNamed } from './time-zone.js';

/** A Thursday, at one minute past one in Berlin. */
const NOW = new Date('2026-11-26T01:01:00+01:00');
const BERLIN = zoneNamed('Europe/Berlin');
const HOUR = 3600;
const DAY = 24 * HOUR;

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
    ['No auth type is selected. Please configure an auth type in settings or via CLI arguments', 'auth'],
    ['Error: you are not authenticated', 'auth'],
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
    ['Please try again in 646ms. Visit https://example.com/limits to learn more.', 1],
    ['Please try again in 1500 ms', 2],
    ['Rate limit reached. Try again in 1.5 s.', 2],
    ['Please retry in 34.074824224s.', 35],
    ['"retryDelay": "34s"', 34],
    ['retry after 37 seconds', 37],
    ['retry-after: 37', 37],
    ['try again in less than a minute', 60],
    ['Try again in 5m', 300],
    ['Please try again in 6m0s. TPM', 360],
    ['Please try again in 1m30.5s', 91],
    ['Your quota will reset after 2h13m5s.', 2 * HOUR + 785],
    ['usage limit: try again in 1 day 2 hours 3 minutes', 26 * HOUR + 180],
    ['usage limit: try again in 1 day, 2 hours and 3 minutes, or upgrade', 26 * HOUR + 180],
    ['usage limit reached|1999999999', Math.min(7 * DAY, Math.ceil(1_999_999_999 - NOW.getTime() / 1000))],
    ['usage limit: or try again at 2:00 AM.', 59 * 60],
    ['usage limit: try again at Nov 27th, 2026 1:01 AM.', DAY],
    ["You've hit your limit · resets 3pm (UTC)", 15 * HOUR - 60],
    ["You've hit your limit · resets 3pm (America/New_York)", 20 * HOUR - 60],
    ["You've hit your limit · resets 3:30pm", 14.5 * HOUR - 60],
    ["You've hit your limit · resets Nov 28 at 3pm", 2 * DAY + 14 * HOUR - 60],
    ["You've hit your limit · resets Nov 28, 3pm (Asia/Tokyo)", 2 * DAY + 6 * HOUR - 60],
    ["You've hit your weekly limit · resets Mon 12:00am", 4 * DAY - HOUR - 60],
    ["You've hit your weekly limit · resets Thursday 1am (UTC)", HOUR - 60],
    ['quota: try again at 1:00 PM PST', 21 * HOUR - 60],
    ['quota resets at 12:00 AM Pacific Time', 8 * HOUR - 60],
    ['quota resets tomorrow at 00:30', DAY - 31 * 60],
    ['quota resets at 15:00 GMT+2', 12 * HOUR + 59 * 60],
    ['quota resets at 2026-11-26T03:01:00.000Z', 3 * HOUR],
    ['quota resets at 2026-11-26 02:01:00', HOUR],
    ['quota resets Jan 2 at 3pm', 7 * DAY],
  ])('that says %j may be tried again in %s s', (message, seconds) => {
    expect(retryAfter(failureOf(message), NOW, BERLIN)).toBe(seconds);
  });

  it.each([
    'Rate limit reached.',
    'exceeded retry limit, last status: 429',
    ...['in 3 fortnights', 'in 5M', 'in 1h5', 'in 1h 5 fortnights', 'in a few seconds', 'later'],
    // The clock of the provider has just gone by it, or ours goes wrong; it is not meant for tomorrow, or next week.
    ...['at 1:00 AM', 'at 12:50 AM', 'Thursday at 1:00 AM', 'at Nov 26th, 2026 1:00 AM', 'at Nov 20th, 2026 3:00 PM'],
    // There are several of these zones, or none.
    ...['at 1:00 PM CST', 'at 3pm IST', 'at 3pm (Atlantis/Capital)', 'at 3pm (in 14 hours)', 'at 3pm Elbonian time'],
    ...['at 3', 'at 3:00', 'at 25:00', 'at 13:99', 'at 13pm', 'at Nov 40 at 3pm', 'at Jun 1 at 3pm'],
  ])('that says %j tells no time that is exact', (when) => {
    for (const words of [when, `usage limit, try again ${when}`])
      expect(retryAfter(failureOf(words), NOW, BERLIN)).toBeNull();
  });

  it('with a time of the day that names no zone tells nothing where the zone of the agent is not known', () => {
    expect(retryAfter(failureOf('usage limit: try again at 2:00 AM'), NOW, null)).toBeNull();
    expect(retryAfter(failureOf('usage limit: try again at 2:00 AM (Europe/Berlin)'), NOW, null)).toBe(59 * 60);
    expect(retryAfter(failureOf('usage limit: try again in 20 s'), NOW, null)).toBe(20);
  });

  it('reads a time of the day by the clocks of the day that it is for', () => {
    const before = new Date('2026-10-24T12:00:00+02:00');
    expect(retryAfter(failureOf('quota resets Oct 25 at 12pm'), before, BERLIN)).toBe(25 * HOUR);
    expect(retryAfter(failureOf('quota resets Oct 25 at 12pm UTC'), before, BERLIN)).toBe(26 * HOUR);
  });

  it.each([
    ['Rate limit reached for m-1 on tokens per min (TPM): try again in 5h', 900],
    ['429: 60 requests/minute, try again in 2 days', 900],
    ['429 Too Many Requests: resets at 3pm', HOUR],
    ['Overloaded, try again in 26 hours', HOUR],
    ['usage limit: try again in 30 days', 7 * DAY],
  ])('that says %j is not believed for longer than %s s', (message, seconds) => {
    expect(retryAfter(failureOf(message), NOW, BERLIN)).toBe(seconds);
  });

  it('with a time may be tried again then, at least a second from now and at most a week', () => {
    const at = (seconds: number) => failureOf('quota', NOW.getTime() + seconds * 1000);
    expect(retryAfter(at(90), NOW, BERLIN)).toBe(90);
    expect(retryAfter(at(-90), NOW, BERLIN)).toBe(1);
    expect(retryAfter(at(10_000_000), NOW, BERLIN)).toBe(7 * DAY);
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
