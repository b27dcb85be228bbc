// What the worker under examination is answered beside, or instead of, the server's words.

/** What no version of this protocol has. A worker that trips over it could not meet a newer server. */
const OF_TOMORROW = { of_tomorrow: { since: 'a later version', list: [1, null, 'x'] } };

export const withMore = (answer) => ({
  ...answer,
  ...OF_TOMORROW,
  ...(answer.executions && { executions: answer.executions.map((one) => ({ ...one, ...OF_TOMORROW })) }),
});

/** What a server says that is there and has no database. */
export const problemAway = () => ({
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  code: 'database/unavailable',
});
