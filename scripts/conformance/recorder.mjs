// A way to the server that writes down what a worker says and what it is answered, and that can be as bad as a network.
import { createServer, request as httpRequest } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { problemAway, withMore } from './answers.mjs';
import { PROTOCOL, Tap } from './tap.mjs';

/**
 * @typedef {object} Call
 * @property {number} at when it came, in milliseconds
 * @property {string} method
 * @property {string} path
 * @property {string} verb `register`, `heartbeat`, `claim`, `exchange`, `logs`, `progress`, `finish`, `git`, `channel`
 *   (which is to be opened), `auth`, `push` (said by the server itself) or `other`
 * @property {'request' | 'channel'} way
 * @property {string | null} id of the worker or the execution in the path
 * @property {string} authorization
 * @property {any} body
 * @property {number | null} status what the worker was answered; null while it waits, or when it got no answer
 * @property {any} answer
 * @property {number | null} answeredAt
 * @property {boolean} dropped the server did it, and its answer was lost on the way
 */

const VERB =
  /^\/api\/v1\/(?:workers\/([^/]+)\/(heartbeat|claim|exchange)|executions\/([^/]+)\/(logs|progress|finish))$/;

export class Recorder {
  /** @type {Call[]} */
  calls = [];
  /** Answers to lose: each entry takes the first that it matches. @type {((call: Call) => boolean)[]} */
  losing = [];
  /** While true nobody is there: every call is a 503. */
  isAway = false;
  /** While true there is no way: connections break. */
  isCut = false;
  /** Status with which a channel is refused, null while it is there. @type {number | null} */
  channelRefusal = null;
  /** Channels that are open. @type {Set<Tap>} */
  taps = new Set();
  /** What the server said of messages that were none. @type {object[]} */
  refusals = [];
  /** Verbs whose answers over the channel wait. @type {string[]} */
  #late = [];
  #target;
  #server;
  #sockets = new WebSocketServer({
    noServer: true,
    // What is too large for the server is to be seen here.
    maxPayload: 2 ** 28,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL,
  });

  /** @param {string} target address of the server */
  constructor(target) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, outgoing) => this.#take(incoming, outgoing));
    this.#server.on('upgrade', (incoming, socket, head) => this.#upgrade(incoming, socket, head));
  }

  /** @returns {Promise<void>} */
  listen() {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Breaks every connection, as the end of the server's process does. */
  cut() {
    this.isCut = true;
    this.#server.closeAllConnections();
    for (const tap of this.taps) tap.cut();
  }

  close() {
    this.#server.close();
    this.cut();
  }

  /** From now on these answers over the channel wait, as on a slow line: what the server says by itself is there before. */
  hold(...verbs) {
    this.#late = verbs;
  }

  release() {
    this.#late = [];
    for (const tap of this.taps) tap.release();
  }

  /** What is lost is said once, in a message or in the answer that came first: such an answer does not wait. */
  isHeld({ verb }, { lost = [] }) {
    return this.#late.includes(verb) && lost.length === 0;
  }

  /** Whether this answer is to get lost. */
  isLost(call, status) {
    const at = this.losing.findIndex((matches) => matches({ ...call, status }));
    if (at < 0) return false;
    this.losing.splice(at, 1);
    call.dropped = true;
    return true;
  }

  #upgrade(incoming, socket, head) {
    const call = callOf(incoming);
    this.calls.push(call);
    socket.on('error', () => undefined);
    if (this.isCut) return socket.destroy();
    const refuse = (status, text = '') => {
      Object.assign(call, { status, answeredAt: Date.now() });
      socket.end(`HTTP/1.1 ${status} Refused\r\nRetry-After: 1\r\nConnection: close\r\n\r\n${text}`);
    };
    const refusal = this.isAway ? 503 : this.channelRefusal;
    if (refusal !== null) return refuse(refusal);
    const { authorization = '', 'sec-websocket-protocol': offered = '' } = incoming.headers;
    const protocols = offered
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
    const far = new WebSocket(new URL(incoming.url, this.#target.href.replace(/^http/, 'ws')), protocols, {
      headers: { ...(authorization && { authorization }) },
      perMessageDeflate: false,
    });
    const bearer = protocols.find((word) => word.startsWith('bearer.'))?.slice(7);
    call.authorization = authorization || (bearer ? `Bearer ${bearer}` : '');
    call.protocols = protocols;
    far.on('error', () => socket.destroy());
    far.once('unexpected-response', (_, answer) =>
      collect(answer, (bytes) => refuse(answer.statusCode, bytes.toString('utf8'))),
    );
    // What the server says at once is not to be missed: the tap must listen before the event loop turns.
    far.once('open', () => {
      far.pause();
      this.#sockets.handleUpgrade(incoming, socket, head, (near) => {
        Object.assign(call, { status: 101, answeredAt: Date.now() });
        this.taps.add(new Tap({ near, far, authorization: call.authorization, recorder: this }));
        far.resume();
      });
    });
  }

  #take(incoming, outgoing) {
    const call = callOf(incoming);
    this.calls.push(call);
    outgoing.once('error', () => undefined);
    if (this.isCut) return incoming.destroy();
    if (this.isAway) {
      // Heard to its end all the same: what it says now counts like anything else.
      return collect(incoming, (bytes) => {
        call.body = parsed(bytes);
        answerAway(call, outgoing);
      });
    }
    const upstream = httpRequest(
      new URL(incoming.url, this.#target),
      { method: incoming.method, headers: incoming.headers, agent: false },
      (answer) => this.#answer(call, answer, outgoing),
    );
    upstream.once('error', () => outgoing.destroy());
    // A claim must not be granted to somebody who has gone.
    outgoing.once('close', () => upstream.destroy());
    if (call.verb === 'git') return void incoming.pipe(upstream);
    collect(incoming, (bytes) => {
      call.body = parsed(bytes);
      upstream.end(bytes);
    });
  }

  #answer(call, answer, outgoing) {
    if (call.verb === 'git') {
      call.status = answer.statusCode;
      outgoing.writeHead(answer.statusCode, answer.headers);
      return void answer.pipe(outgoing);
    }
    collect(answer, (bytes) => {
      call.answer = parsed(bytes);
      call.answeredAt = Date.now();
      if (this.isLost(call, answer.statusCode)) return outgoing.destroy();
      call.status = answer.statusCode;
      const isOwn = call.verb !== 'other' && answer.statusCode < 300;
      const text = isOwn ? Buffer.from(JSON.stringify(withMore(call.answer))) : bytes;
      const headers = { ...answer.headers, 'content-length': text.length };
      delete headers['transfer-encoding'];
      outgoing.writeHead(answer.statusCode, headers);
      outgoing.end(text);
    });
  }
}

/** @returns {Call} */
function callOf({ method, url, headers }) {
  const path = url.split('?')[0];
  const [, worker, workerVerb, execution, executionVerb] = VERB.exec(path) ?? [];
  const isRegistration = method === 'POST' && path === '/api/v1/workers';
  const others = { '/api/v1/worker-channel': 'channel', ...(isRegistration && { '/api/v1/workers': 'register' }) };
  const verb = workerVerb ?? executionVerb ?? others[path] ?? (path.startsWith('/git/') ? 'git' : 'other');
  return {
    ...{ at: Date.now(), method, path: url, verb, way: 'request', id: worker ?? execution ?? null },
    ...{ authorization: headers.authorization ?? '', body: null },
    ...{ status: null, answer: null, answeredAt: null, dropped: false },
  };
}

function answerAway(call, outgoing) {
  const problem = problemAway();
  Object.assign(call, { status: 503, answer: problem, answeredAt: Date.now() });
  outgoing.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' });
  outgoing.end(JSON.stringify(problem));
}

function collect(stream, use) {
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  stream.once('end', () => use(Buffer.concat(parts)));
  stream.once('error', () => undefined);
}

function parsed(bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
