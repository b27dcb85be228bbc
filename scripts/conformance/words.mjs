// What a worker said, word by word: an exchange is several.

/**
 * @typedef {object} Word
 * @property {'heartbeat' | 'claim' | 'logs' | 'progress' | 'finish' | 'push'} verb `push`: what the server said by itself
 * @property {'request' | 'channel'} way
 * @property {string | null} execution
 * @property {any} said
 * @property {any} answer its receipt or problem, when the worker got one
 * @property {boolean} taken whether the worker was told that it was taken
 * @property {string | null} code of the problem it was told
 * @property {number} at
 * @property {number} told when it was told
 */

/**
 * In the order in which they came.
 * @param {import('./recorder.mjs').Call[]} calls
 * @returns {Word[]}
 */
export const wordsOf = (calls) => calls.flatMap((call) => (call.verb === 'exchange' ? exchanged(call) : single(call)));

function single(call) {
  if (call.verb === 'push') return [{ ...word(call, 'push', null, null, call.answer), taken: false }];
  // What did not arrive was not said.
  if (call.body === null || !['heartbeat', 'claim', 'logs', 'progress', 'finish'].includes(call.verb)) return [];
  const execution = ['logs', 'progress', 'finish'].includes(call.verb) ? call.id : null;
  return [word(call, call.verb, execution, call.body, call.answer)];
}

function exchanged(call) {
  const found = [];
  for (const verb of ['logs', 'progress', 'finish']) {
    for (const [at, item] of (call.body?.[verb] ?? []).entries())
      found.push(word(call, verb, item?.execution_id ?? null, item, call.answer?.[verb]?.[at]));
  }
  if (call.body?.claim) found.push(word(call, 'claim', null, call.body.claim, call.answer));
  return found;
}

function word(call, verb, execution, said, answer) {
  const problem = call.status >= 400 ? answer : (answer?.problem ?? null);
  const isTold = call.status !== null;
  const code = isTold ? (problem?.code ?? null) : null;
  return {
    verb,
    way: call.way,
    execution,
    said,
    answer,
    taken: isTold && problem === null,
    code,
    at: call.at,
    told: call.answeredAt ?? Infinity,
  };
}

/** Ids of the executions that the worker was told to be its own. */
export const granted = (words) =>
  words.filter(({ verb, taken }) => verb === 'claim' && taken).flatMap(({ answer }) => answer?.executions ?? []);
