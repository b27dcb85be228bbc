// The channel of test/wrong-worker.mjs (docs/worker-channel.md), right unless the fault says otherwise.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const LONGEST_MS = 2000;
const PING_MS = 2000;
const VERB = /^\/(workers|executions)\/([^/]+)\/(heartbeat|claim|exchange|logs|progress|finish)$/;
const STATUS = { pause: 'paused', drain: 'draining', stop: 'stopped', resume: 'active' };

export class WrongChannel {
  #socket = null;
  #opening = null;
  #waiting = new Map();
  #count = 0;

  /** @param {{ url: string, token: () => string, fault: string | undefined, heed: (answer: object) => void }} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** Says the word of a route. Rejects when the channel breaks before it is answered. */
  async say(path, body) {
    const { fault } = this.parts;
    const [, kind, id, type] = VERB.exec(path);
    const socket = await (this.#opening ??= this.#open());
    const answered = new Promise((resolve, reject) => {
      const frame_id = fault === 'reuses ids' ? 1 : ++this.#count;
      const message = { ...body, id: frame_id, type, ...(kind === 'executions' && { execution_id: id }) };
      this.#waiting.set(fault === 'reuses ids' ? ++this.#count : frame_id, { resolve, reject });
      if (fault === 'names no message') delete message.id;
      socket.send(JSON.stringify(message));
    });
    const { problem, ...answer } = await answered;
    return problem === undefined ? { status: 200, json: answer } : { status: problem.status, json: problem };
  }

  async #open() {
    const { url, token, fault } = this.parts;
    for (let tries = 0; ; tries += 1) {
      const protocols = fault === 'leaves out the subprotocol' ? [] : ['miyabi.worker.v1'];
      const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v1/worker-channel`, protocols);
      socket.on('error', () => undefined);
      const isOpen = await new Promise((resolve) => {
        socket.once('open', () => socket.send(JSON.stringify({ type: 'auth', token: token() })));
        socket.on('message', (data) => this.#take(JSON.parse(data.toString('utf8')), () => resolve(true)));
        socket.once('close', () => resolve(false));
      });
      if (isOpen) return this.#keep(socket);
      if (fault !== 'hammers for its channel') await sleep(Math.min(LONGEST_MS, 200 * 2 ** tries));
    }
  }

  #keep(socket) {
    const { fault } = this.parts;
    if (fault === 'says what there is not') socket.send(JSON.stringify({ id: 'x', type: 'dance' }));
    let isSilent = false;
    const pinging = setInterval(() => {
      if (isSilent) socket.terminate();
      isSilent = true;
      socket.ping(() => undefined);
    }, PING_MS);
    if (fault === 'notices nothing') clearInterval(pinging);
    socket.on('pong', () => (isSilent = false));
    socket.once('close', () => {
      clearInterval(pinging);
      if (fault === 'dies with its channel') process.exit(1);
      if (fault === 'opens its channel once') return;
      this.#opening = null;
      for (const { reject } of this.#waiting.values()) reject(new Error('the channel is closed'));
      this.#waiting.clear();
    });
    return socket;
  }

  #take({ id, type, ...rest }, opened) {
    const { fault, heed } = this.parts;
    if (type === 'authenticated') return opened();
    if (type === 'of_tomorrow' && fault === 'trips over what is new') process.exit(1);
    const [first] = this.#waiting.keys();
    const isInOrder = ['takes answers in order', 'reuses ids', 'names no message'].includes(fault);
    const key = isInOrder ? first : id;
    if (id !== undefined && this.#waiting.has(key)) {
      this.#waiting.get(key).resolve(rest);
      this.#waiting.delete(key);
    } else if (fault !== 'ignores what it is told') {
      if (type in STATUS) heed({ desired_status: STATUS[type] });
      if (['cancel', 'lost'].includes(type)) heed({ [type]: rest.executions });
    }
  }
}
