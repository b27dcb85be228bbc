// Starts a side in a process of its own and calls its verbs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../scripts/root.mjs';

/** @typedef {{ call: (verb: string, args?: object) => Promise<any>, pid: number, end: () => Promise<void> }} Side */

/**
 * @param {string} name of a file in bench/sides
 * @param {string} node the program that runs it
 * @returns {Side}
 */
export function startSide(name, node) {
  const child = spawn(node, ['--no-warnings', join(root, 'bench', 'sides', `${name}.mjs`)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
  });
  const ended = once(child, 'exit');
  const waiting = new Map();
  let asked = 0;
  child.on('message', ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(`${name}: ${error}`));
  });
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} has ended`));
  });
  return {
    pid: child.pid,
    call(verb, args = {}) {
      const id = ++asked;
      const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
      child.send({ id, verb, args });
      return answer;
    },
    async end() {
      if (child.connected) child.disconnect();
      const late = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(late);
    },
  };
}
