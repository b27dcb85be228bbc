// What holds at any time, looked for in everything that the worker said.
import { HEARTBEAT_SECONDS } from '../stand.mjs';
import { LARGEST_FRAME, PROTOCOL } from './tap.mjs';
import { granted } from './words.mjs';

/** Heartbeats in a row that may still list what has just ended: they were under way. */
const UNDER_WAY = 1;
/** How much rarer than told heartbeats may be: machines are busy, and a lease outlives several. */
const RARER = 5;

/**
 * @param {import('./exam.mjs').Exam} exam
 * @param {(rule: string, detail: string) => void} fault
 */
export function judge(exam, fault) {
  const { calls } = exam.recorder;
  registration(exam, calls, fault);
  const registered = calls.find(({ verb, status }) => verb === 'register' && status < 300);
  if (registered === undefined) return;
  const { words } = exam;
  heartbeats(exam, words, registered, fault);
  renewals(words, fault);
  offsets(words, fault);
  ends(words, fault);
  channels(exam, fault);
  messages(exam.recorder, fault);
}

function registration({ key, starts }, calls, fault) {
  const registrations = calls.filter(({ verb }) => verb === 'register');
  const taken = registrations.filter(({ status }) => status < 300);
  if (taken.length === 0) {
    const [last] = registrations.slice(-1);
    return fault(
      'register',
      last
        ? `its registration was answered with ${last.status} ${JSON.stringify(last.answer)}`
        : 'it did not register (POST /api/v1/workers)',
    );
  }
  if (taken.length > starts)
    fault(
      'register',
      `it was started ${times(starts)} and registered ${times(taken.length)} although its token was good`,
    );
  if (typeof taken[0].body?.protocol !== 'number')
    fault('register', 'its registration does not say which `protocol` it speaks');
  const own = calls.filter(({ verb, authorization }) => verb !== 'register' && authorization.includes(key));
  if (own.length > 0) fault('register', `it used its key on ${own[0].path}, where its own token is asked for`);
  const tokens = taken.map(({ answer }) => answer.token);
  const leaked = calls.find(({ path }) => [key, ...tokens].some((secret) => path.includes(secret)));
  if (leaked) fault('register', 'a secret stood in an address');
}

function heartbeats({ silences }, words, registered, fault) {
  const beats = words.filter(({ verb, taken }) => verb === 'heartbeat' && taken);
  const end = words.at(-1)?.at ?? registered.answeredAt;
  const longest = HEARTBEAT_SECONDS * 1000 * RARER;
  // From the answer on: a worker that waits for that is not slower than the server.
  const answers = [registered.answeredAt, ...beats.map(({ told }) => told)];
  const gaps = answers.map((told, index) => [told, beats[index]?.at ?? end]);
  const isExcused = ([from, to]) => silences.some(([begin, stop]) => from < stop && to > begin);
  const gap = gaps.find(([from, to]) => to - from > longest && !isExcused([from, to]));
  if (gap)
    fault(
      'heartbeat',
      `it sent no heartbeat for ${((gap[1] - gap[0]) / 1000).toFixed(1)} s, where \`next_heartbeat_seconds\` said ${HEARTBEAT_SECONDS}`,
    );
}

/** Exactly what it runs is renewed: no more, or a lost agent would be kept alive, and no less. */
function renewals(words, fault) {
  const known = new Set();
  const over = new Map();
  const missed = new Map();
  for (const word of [...words].sort((a, b) => a.at - b.at)) {
    const listed = word.verb === 'heartbeat' ? (word.said?.executions ?? []).map(({ id }) => id) : [];
    if (word.verb !== 'heartbeat') continue;
    const granting = granted(words.filter(({ told }) => told < word.at)).map(({ execution }) => execution.id);
    granting.forEach((id) => known.add(id));
    const ended = new Set(words.filter(({ told, at }) => told < word.at && at < word.at).flatMap(endedBy));
    for (const id of listed) {
      if (!known.has(id) && !granted(words).some(({ execution }) => execution.id === id))
        return fault('renew', `a heartbeat lists ${id}, which it was never given`);
      if (!ended.has(id)) continue;
      over.set(id, (over.get(id) ?? 0) + 1);
      if (over.get(id) > UNDER_WAY)
        return fault('renew', 'its heartbeats go on listing an execution that has ended or is lost');
    }
    for (const id of known) {
      const isRunning =
        !words.some((other) => endedBy(other).includes(id) && other.at < word.told) && !isEnding(words, id, word);
      missed.set(id, isRunning && !listed.includes(id) ? (missed.get(id) ?? 0) + 1 : 0);
      if (missed.get(id) > UNDER_WAY + 1)
        return fault('renew', 'its heartbeats do not list an execution that it runs: its lease ends');
    }
  }
}

/** Executions that the worker was told to be over. */
function endedBy({ verb, execution, taken, code, answer }) {
  const own = verb === 'finish' && (taken || code !== null) ? [execution] : [];
  const fenced = code === 'execution/lease-lost' ? [execution] : [];
  return [...own, ...fenced, ...(answer?.lost ?? [])];
}

const isEnding = (words, id, { at }) =>
  words.some(({ verb, execution, at: said }) => verb === 'finish' && execution === id && said <= at);

/** Entries have numbers without gaps, and what was acknowledged is not sent again under another one. */
function offsets(words, fault) {
  const next = new Map();
  for (const { verb, execution, said, taken, answer, code } of words) {
    if (verb !== 'logs') continue;
    const expected = next.get(execution) ?? 0;
    if (typeof said?.offset !== 'number') return fault('logs', 'log entries came without their `offset`');
    if (said.offset > expected)
      return fault('logs', `log entries from ${said.offset} on, where ${expected} was next: a gap is refused`);
    if (taken) next.set(execution, Math.max(expected, answer.next_offset));
    else if (code === 'execution/log-offset')
      next.set(execution, answer?.next_offset ?? answer?.problem?.next_offset ?? expected);
    // Without an answer it may have been stored, or not.
    else next.set(execution, Math.max(expected, said.offset + said.entries.length));
  }
}

/** One end, said again only while it was not answered, and nothing after it. */
function ends(words, fault) {
  const said = new Map();
  const answered = new Map();
  for (const { verb, execution, said: body, taken, at, told } of words) {
    if (!['finish', 'logs', 'progress'].includes(verb)) continue;
    const outcome = said.get(execution) ?? body?.outcome;
    if (verb === 'finish' && outcome !== body?.outcome)
      return fault('finish', `it ended an execution as ${outcome}, and then as ${body?.outcome}`);
    if ((answered.get(execution) ?? Infinity) < at)
      return fault('finish', `it said \`${verb}\` of an execution after its end was answered`);
    if (verb !== 'finish') continue;
    said.set(execution, outcome);
    if (taken) answered.set(execution, told);
  }
}

/** Who opens a channel has a use for it. */
function channels({ recorder, ways }, fault) {
  const opened = recorder.calls.filter(({ verb, status }) => verb === 'channel' && status === 101);
  if (opened.length > 1 && ways.channel === 0)
    fault('messages', `it opened its channel ${times(opened.length)} and said nothing over it`);
}

/** What a message is, whatever it says. */
function messages({ calls, refusals }, fault) {
  for (const { verb, way, bytes, body, frame_id, isTwin, protocols } of calls) {
    if (verb === 'channel' && protocols && !protocols.includes(PROTOCOL))
      return fault('messages', `it opened its channel without the subprotocol ${PROTOCOL}`);
    if (way !== 'channel' || ['push', 'auth'].includes(verb)) continue;
    if (bytes > LARGEST_FRAME)
      fault(
        'messages',
        `a message had ${bytes} bytes, where ${LARGEST_FRAME} are taken: the server closes the channel`,
      );
    else if (body === null) fault('messages', 'a message was no JSON object, as text');
    else if (verb === 'other')
      fault('messages', `a message had the type ${JSON.stringify(body.type)}, which there is not`);
    else if (frame_id === null)
      fault('messages', `a message \`${verb}\` had no \`id\`: its answer cannot be told from others`);
    else if (isTwin) fault('messages', `a message had the \`id\` of one that was not answered yet`);
    else continue;
    return;
  }
  if (refusals.length > 0) fault('messages', `the server refused a message: ${JSON.stringify(refusals[0])}`);
}

const times = (count) => (count === 1 ? 'once' : `${count} times`);
