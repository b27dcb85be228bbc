// Ways to speak the worker protocol, as thin as a worker in any language could make them.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../rivals/package.json', import.meta.url));
const { Client } = require('undici');
const { WebSocket } = createRequire(new URL('../../package.json', import.meta.url))('ws');

/** One connection that is kept open. */
export class HttpLink {
  constructor(url, token) {
    this.client = new Client(url, { pipelining: 1 });
    this.headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  }

  async call(method, path, body) {
    const { statusCode, body: answer } = await this.client.request({
      method,
      path,
      headers: this.headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (statusCode >= 300) throw new Error(`${method} ${path} was answered ${statusCode}: ${text.slice(0, 500)}`);
    return text === '' ? null : JSON.parse(text);
  }

  close() {
    return this.client.close();
  }
}

/** The connection of a worker: words out, answers in by their ids. */
export class ChannelLink {
  waiting = new Map();
  asked = 0;

  static async open(url, token) {
    const link = new ChannelLink();
    link.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v1/worker-channel`, 'miyabi.worker.v1', {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    await new Promise((resolve, reject) => {
      link.socket.once('error', reject);
      link.socket.on('message', (data) => {
        const message = JSON.parse(data);
        if (message.type === 'authenticated') resolve();
        else link.take(message);
      });
    });
    link.socket.on('close', () => link.fail(new Error('the channel was closed')));
    return link;
  }

  ask(word) {
    const id = String(++this.asked);
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, ...word }));
    return answer;
  }

  take(message) {
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if (message.problem) waiting.reject(new Error(JSON.stringify(message.problem)));
    else waiting.resolve(message);
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  close() {
    this.socket.close();
  }
}
