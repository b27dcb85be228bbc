// A way to the server that writes down what a worker says and what it is answered, and that can be as bad as a network.
import { createServer, request as httpRequest } from 'node:http';

/**
 * @typedef {object} Call
 * @property {number} at when it came, in milliseconds
 * @property {string} method
 * @property {string} path
 * @property {string} verb `register`, `heartbeat`, `claim`, `exchange`, `logs`, `progress`, `finish`, `git` or `other`
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

/** What no version of this protocol has. A worker that trips over it could not meet a newer server. */
const OF_TOMORROW = { of_tomorrow: { since: 'a later version', list: [1, null, 'x'] } };

export class Recorder {
  /** @type {Call[]} */
  calls = [];
  /** Answers to lose: each entry takes the first that it matches. @type {((call: Call) => boolean)[]} */
  losing = [];
  /** While true nobody is there: every call is a 503. */
  isAway = false;
  /** While true there is no way: connections break. */
  isCut = false;
  #target;
  #server;

  /** @param {string} target address of the server */
  constructor(target) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, outgoing) => this.#take(incoming, outgoing));
    // The connection of its own (docs/worker-channel.md) is a fast lane; what is watched here is the protocol by requests.
    this.#server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n'));
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
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
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
      const at = this.losing.findIndex((matches) => matches({ ...call, status: answer.statusCode }));
      if (at >= 0) {
        this.losing.splice(at, 1);
        call.dropped = true;
        return outgoing.destroy();
      }
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
  const verb = isRegistration
    ? 'register'
    : (workerVerb ?? executionVerb ?? (path.startsWith('/git/') ? 'git' : 'other'));
  return {
    ...{ at: Date.now(), method, path: url, verb, id: worker ?? execution ?? null },
    ...{ authorization: headers.authorization ?? '', body: null },
    ...{ status: null, answer: null, answeredAt: null, dropped: false },
  };
}

function answerAway(call, outgoing) {
  const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'database/unavailable' };
  Object.assign(call, { status: 503, answer: problem, answeredAt: Date.now() });
  outgoing.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' });
  outgoing.end(JSON.stringify(problem));
}

const withMore = (answer) => ({
  ...answer,
  ...OF_TOMORROW,
  ...(answer.executions && { executions: answer.executions.map((one) => ({ ...one, ...OF_TOMORROW })) }),
});

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
