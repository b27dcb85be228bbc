// People and programs that use the API: requests on connections that are kept open, and streams of events.
import { get } from 'node:http';
import { rateWhile, serve } from './serve.mjs';
import { HttpLink } from './worker-links.mjs';

const STREAM = '/api/v1/events/stream?types=task.created';

serve({
  /** Requests a second by so many clients; `counts` is how much each of them is worth. */
  ask: ({ url, token, method = 'GET', paths, body, clients = 16, seconds, counts = 1 }) =>
    rateWhile(seconds, (did, signal) =>
      Promise.all(
        Array.from({ length: clients }, async (_, client) => {
          const link = new HttpLink(url, token);
          for (let round = client; !signal.aborted; round += clients) {
            await link.call(method, paths[round % paths.length], body);
            for (let one = 0; one < counts; one++) did();
          }
          await link.close();
        }),
      ),
    ),

  fanOut,
});

/** Milliseconds from the sending of a create until the last of so many streams has told of it, one after the other. */
async function fanOut({ url, token, streams, events }) {
  /** @type {{ missing: Set<number>, done: (at: number) => void } | null} */
  let round = null;
  const heard = (index) => {
    if (round?.missing.delete(index) && round.missing.size === 0) round.done(performance.now());
  };
  const open = [];
  for (let index = 0; index < streams; index++) open.push(await openStream(url, token, () => heard(index)));
  const person = new HttpLink(url, token);
  const took = [];
  for (let event = 0; event < events; event++) {
    const last = new Promise((done) => (round = { missing: new Set(open.keys()), done }));
    const began = performance.now();
    await person.call('POST', '/api/v1/tasks', { name: 'Told to many', agent_type: 'note' });
    took.push((await last) - began);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  open.forEach((stream) => stream.destroy());
  await person.close();
  return took;
}

/** @param {() => void} onEvent */
function openStream(url, token, onEvent) {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}` };
    get(`${url}${STREAM}`, { agent: false, headers }, (answer) => {
      if (answer.statusCode !== 200) {
        reject(new Error(`a stream was answered ${answer.statusCode}`));
        return;
      }
      answer.setEncoding('utf8').on('data', (text) => {
        if (text.includes('"task.created"')) onEvent();
      });
      answer.on('error', () => undefined);
      resolve(answer);
    }).on('error', reject);
  });
}
