// The channel of the worker under examination, message by message, and what may befall it on the way.
import { WebSocket } from 'ws';
import { problemAway, withMore } from './answers.mjs';

/** The server takes none that is larger (docs/worker-channel.md). */
export const LARGEST_FRAME = 8 * 1024 * 1024;
export const PROTOCOL = 'miyabi.worker.v1';
const WITH_EXECUTION = ['logs', 'progress', 'finish'];
const VERBS = ['heartbeat', 'claim', 'exchange', 'auth', ...WITH_EXECUTION];
const STATUS_OF_WORD = { resume: 'active', pause: 'paused', drain: 'draining', stop: 'stopped' };
/** Codes that may stand in the message of a close (RFC 6455 §7.4). */
const isSayable = (code) => [1000, 1001, 1002, 1003].includes(code) || (code >= 1007 && code <= 1014) || code >= 3000;

/** One open channel: `near` leads to the worker, `far` to the server. */
export class Tap {
  isFrozen = false;
  /** Messages that were not answered, by their `id`. */
  #open = new Map();
  #held = [];
  #authorization;

  /**
   * @param {{ near: WebSocket, far: WebSocket, authorization: string, recorder: import('./recorder.mjs').Recorder }} parts
   */
  constructor({ near, far, authorization, recorder }) {
    this.near = near;
    this.far = far;
    this.recorder = recorder;
    this.#authorization = authorization;
    near.on('message', (data, isBinary) => this.#take(data, isBinary));
    far.on('message', (data) => this.#tell(data.toString('utf8')));
    near.on('error', () => undefined);
    far.on('error', () => undefined);
    near.on('close', (code, reason) => this.#closed(far, code, reason));
    far.on('close', (code, reason) => this.isFrozen || this.#closed(near, code, reason));
    // Whoever goes by a list of types that it knows goes on.
    near.send(JSON.stringify({ type: 'of_tomorrow', executions: [] }));
  }

  get isOpen() {
    return this.near.readyState === WebSocket.OPEN;
  }

  /** Lets pass what was held. */
  release() {
    for (const { call, message } of this.#held.splice(0)) this.#answer(call, message);
  }

  /** Nothing passes any more, and nobody is told: a half-open connection. */
  freeze() {
    this.isFrozen = true;
    this.near.pause();
  }

  /** The server takes its leave, as when it is stopped. */
  takeLeave() {
    this.near.send(JSON.stringify({ type: 'end', reason: 'shutdown' }));
    this.near.close(1001, 'shutdown');
    this.far.terminate();
  }

  cut() {
    this.near.terminate();
    this.far.terminate();
  }

  #take(data, isBinary) {
    // Read all the same when it is closed; but it has not arrived.
    if (this.isFrozen) return;
    const frame = isBinary ? null : objectOf(data);
    const call = callOf(frame, data.length, this.#authorization);
    const { frame_id: id } = call;
    call.isTwin = id !== null && this.#open.has(id);
    if (call.verb === 'auth') call.authorization = this.#authorization = `Bearer ${String(frame.token)}`;
    this.recorder.calls.push(call);
    if (id !== null) this.#open.set(id, call);
    if (this.recorder.isAway && id !== null)
      return this.#answer(call, { id: frame.id, problem: problemAway() }, { isOwn: true });
    this.far.send(data, { binary: isBinary }, () => undefined);
  }

  #tell(text) {
    const message = objectOf(text) ?? {};
    const call = this.#open.get(idOf(message));
    if (this.isFrozen) {
      if (call) call.dropped = true;
    } else if (call === undefined) this.#push(message, text);
    else if (this.recorder.isHeld(call, message)) this.#held.push({ call, message });
    else this.#answer(call, message);
  }

  #answer(call, message) {
    const { id, problem, ...answer } = message;
    this.#open.delete(idOf(message));
    Object.assign(call, { answer: problem ?? answer, answeredAt: Date.now() });
    const status = problem?.status ?? 200;
    // An answer cannot get lost by itself: the channel goes with it.
    if (this.recorder.isLost(call, status)) return this.cut();
    call.status = status;
    this.near.send(JSON.stringify({ id, ...(problem ? { problem } : withMore(answer)) }), () => undefined);
  }

  #push(message, text) {
    const at = Date.now();
    const { type, executions } = message;
    const told = type in STATUS_OF_WORD ? { desired_status: STATUS_OF_WORD[type] } : { [type]: executions };
    const call = { ...callOf(null, text.length, ''), verb: 'push', at, status: 200, answeredAt: at };
    if (['cancel', 'lost'].includes(type) || type in STATUS_OF_WORD)
      this.recorder.calls.push({ ...call, type, answer: told });
    if (type === 'error') this.recorder.refusals.push(message);
    this.near.send(text, () => undefined);
  }

  #closed(other, code, reason) {
    this.recorder.taps.delete(this);
    if (isSayable(code)) other.close(code, reason);
    else other.terminate();
  }
}

/** A message as the recorder writes down a request. */
function callOf(frame, bytes, authorization) {
  const verb = VERBS.includes(frame?.type) ? frame.type : 'other';
  return {
    ...{ at: Date.now(), method: 'MESSAGE', path: `/api/v1/worker-channel (${verb})`, verb, way: 'channel' },
    ...{ id: WITH_EXECUTION.includes(verb) ? (frame.execution_id ?? null) : null },
    ...{ authorization, body: frame, frame_id: frame === null ? null : idOf(frame), bytes },
    ...{ status: null, answer: null, answeredAt: null, dropped: false },
  };
}

/** Ids may be of any kind; what counts is that they come back. */
const idOf = ({ id }) => (id === undefined || id === null ? null : JSON.stringify(id));

function objectOf(text) {
  try {
    const value = JSON.parse(text.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
