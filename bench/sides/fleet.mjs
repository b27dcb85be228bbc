// Remote workers of the product: they know its address and their tokens, no more.
import { rateWhile, serve } from './serve.mjs';
import { ChannelLink, HttpLink } from './worker-links.mjs';

/** @type {{ url: string, workers: { id: string, token: string }[] }} */
let site;

serve({
  open: (given) => void (site = given),
  work: ({ way, batch = 1, workers, seconds }) => work({ way: WAYS[way], batch, workers, seconds }),
  bareWork,
  latencies,
  claimTimes,
  ingest,
  gather,
  beat,
});

/** How a worker claims `max` and ends what it got. Each answers how many it ended. */
const WAYS = {
  /** Two words on the channel. */
  channel: async (worker) => {
    const link = await ChannelLink.open(site.url, worker.token);
    const turn = async (max) => {
      const { executions } = await link.ask({ type: 'claim', max });
      for (const { execution } of executions) {
        await link.ask({ type: 'finish', execution_id: execution.id, outcome: 'completed' });
      }
      return executions.length;
    };
    return { turn, close: () => link.close() };
  },
  /** One word on the channel: the end of the last and the claim of the next. */
  exchange: async (worker) => {
    const link = await ChannelLink.open(site.url, worker.token);
    const ask = (body) => link.ask({ type: 'exchange', ...body });
    return { turn: exchanging(ask), close: () => link.close() };
  },
  rest: async (worker) => {
    const link = new HttpLink(site.url, worker.token);
    const turn = async (max) => {
      const { executions } = await link.call('POST', `/api/v1/workers/${worker.id}/claim`, { max });
      for (const { execution } of executions) {
        await link.call('POST', `/api/v1/executions/${execution.id}/finish`, { outcome: 'completed' });
      }
      return executions.length;
    };
    return { turn, close: () => link.close() };
  },
  restExchange: async (worker) => {
    const link = new HttpLink(site.url, worker.token);
    const ask = (body) => link.call('POST', `/api/v1/workers/${worker.id}/exchange`, body);
    return { turn: exchanging(ask), close: () => link.close() };
  },
};

function exchanging(ask) {
  let held = [];
  const say = async (max) => {
    const finish = held.map((execution_id) => ({ execution_id, outcome: 'completed' }));
    const answer = await ask({ finish, ...(max > 0 && { claim: { max } }) });
    const refused = answer.finish.find(({ problem }) => problem);
    if (refused) throw new Error(JSON.stringify(refused));
    held = answer.executions.map(({ execution }) => execution.id);
    return finish.length;
  };
  const turn = async (max) => {
    const ended = await say(max);
    // Nothing to end and nothing got: there is no work.
    return ended + held.length === 0 ? 0 : ended;
  };
  turn.end = () => say(0);
  return turn;
}

/** Tasks a second that `workers` claim and end. */
async function work({ way, batch, workers, seconds }) {
  const fleet = await Promise.all(site.workers.slice(0, workers).map(way));
  try {
    return await rateWhile(seconds, (did, signal) =>
      Promise.all(
        fleet.map(async ({ turn }) => {
          for (let first = true; !signal.aborted; first = false) {
            const ended = await turn(batch);
            if (ended === 0 && !(first && turn.end)) return;
            for (let task = 0; task < ended; task++) did();
          }
          await turn.end?.();
        }),
      ),
    );
  } finally {
    await Promise.all(fleet.map(({ close }) => close()));
  }
}

/** The same over the bare routes. */
function bareWork({ url, workers, seconds }) {
  return rateWhile(seconds, (did, signal) =>
    Promise.all(
      site.workers.slice(0, workers).map(async ({ token }) => {
        const link = new HttpLink(url, token);
        while (!signal.aborted) {
          const { executions } = await link.call('POST', '/claim', { max: 1 });
          if (executions.length === 0) return;
          for (const { execution } of executions) {
            await link.call('POST', `/finish/${execution.id}`, { outcome: 'completed' });
            did();
          }
        }
        await link.close();
      }),
    ),
  );
}

/** Milliseconds from the sending of a create to the task's arrival at a worker that waits, one after the other. */
async function latencies({ count, token }) {
  const person = new HttpLink(site.url, token);
  const channel = await ChannelLink.open(site.url, site.workers[0].token);
  const took = [];
  for (let round = 0; round < count; round++) {
    const claimed = channel.ask({ type: 'claim', max: 1, wait_seconds: 25 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const began = performance.now();
    const created = person.call('POST', '/api/v1/tasks', { name: `Task ${round}`, agent_type: 'note' });
    const { executions } = await claimed;
    took.push(performance.now() - began);
    await created;
    await channel.ask({ type: 'finish', execution_id: executions[0].execution.id, outcome: 'completed' });
  }
  channel.close();
  await person.close();
  return took;
}

/** Milliseconds of claims of one task by one worker, one after the other; what it got is ended in between. */
async function claimTimes({ count }) {
  const channel = await ChannelLink.open(site.url, site.workers[0].token);
  const took = [];
  for (let round = 0; round < count; round++) {
    const began = performance.now();
    const { executions } = await channel.ask({ type: 'claim', max: 1 });
    took.push(performance.now() - began);
    await channel.ask({ type: 'finish', execution_id: executions[0].execution.id, outcome: 'completed' });
  }
  channel.close();
  return took;
}

/** What `gather` has connected. */
let links = [];

/** Connects every worker, once and for all beats, for it is not what beating costs; or none. */
async function gather({ way }) {
  await Promise.all(links.map(({ close }) => close()));
  links = [];
  if (way === 'none') return;
  for (const worker of site.workers) {
    if (way === 'rest') {
      const link = new HttpLink(site.url, worker.token);
      const path = `/api/v1/workers/${worker.id}/heartbeat`;
      links.push({ beat: () => link.call('POST', path, BEAT), close: () => link.close() });
    } else {
      const link = await ChannelLink.open(site.url, worker.token);
      const beat = () => link.ask({ type: 'heartbeat', ...BEAT });
      const wait = () => link.ask({ type: 'claim', wait_seconds: 25 });
      links.push({ beat, wait, close: () => link.close() });
    }
  }
}

/** Every worker beats each 15 s, spread over them, for so long, and may wait for work besides; each has its connection. */
async function beat({ seconds, waits = false }) {
  const every = 15_000;
  const until = performance.now() + seconds * 1000;
  let beats = 0;
  await Promise.all(
    links.map(async ({ beat: send, wait }, at) => {
      // The last of them is given up with the connection.
      const waiting = async () => {
        while (performance.now() < until) await wait();
      };
      if (waits) setTimeout(() => waiting().catch(() => {}), (25_000 * at) / links.length);
      let due = performance.now() + (every * at) / links.length;
      for (; due < until; due += every) {
        await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
        await send();
        beats++;
      }
      await new Promise((resolve) => setTimeout(resolve, until - performance.now()));
    }),
  );
  return beats;
}

const BEAT = {
  metrics: { cpu_usage: 12.5, memory_usage: 40.1, disk_usage: 55, uptime_seconds: 86_400 },
  executions: [],
};

/** Lines of log a second, in batches of 500, of 8 executions at once over the channel or REST. */
async function ingest({ way, seconds, batch = 500 }) {
  const fleet = await Promise.all(
    site.workers.slice(0, 8).map(async (worker) => {
      const link = await ChannelLink.open(site.url, worker.token);
      const { executions } = await link.ask({ type: 'claim', max: 1 });
      const rest = new HttpLink(site.url, worker.token);
      return { link, rest, id: executions[0].execution.id };
    }),
  );
  const message = 'Compiling the module graph: 1,204 of 5,000 files are done, 3 warnings so far (see above)';
  const rate = await rateWhile(seconds, (did, signal) =>
    Promise.all(
      fleet.map(async ({ link, rest, id }) => {
        for (let offset = 0; !signal.aborted;) {
          const entries = Array.from({ length: batch }, (_, at) => ({ message: `${offset + at} ${message}` }));
          const said = { offset, entries };
          const { next_offset } =
            way === 'rest'
              ? await rest.call('POST', `/api/v1/executions/${id}/logs`, said)
              : await link.ask({ type: 'logs', execution_id: id, ...said });
          for (; offset < next_offset; offset++) did();
        }
      }),
    ),
  );
  for (const { link, rest, id } of fleet) {
    await link.ask({ type: 'finish', execution_id: id, outcome: 'completed' });
    link.close();
    await rest.close();
  }
  return rate;
}
