import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { SYSTEM } from '../src/auth/principal.js';
import { EventsService } from '../src/events/events.service.js';
import { EventStream } from '../src/http/event-stream.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { SocketClient } from './socket-client.js';
import { StreamClient } from './stream-client.js';
import { startTestApp, type TestApp } from './test-app.js';

const EVENTS = size({ full: 50_000, short: 5_000 });
const CLIENTS = size({ full: 500, short: 60 });
const ROUNDS = size({ full: 100, short: 15 });
/** One page of events, and what Node adds; far less than what passes meanwhile. */
const BOUND = 256 * 1024;
const BATCH = 500;

let server: TestApp;
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = await startTestApp({ MAX_STREAMS: '2000' });
  (server.app.getHttpServer() as Server).on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
});
afterAll(() => server.close());

/** Bytes that the server holds for its clients, beyond what the system has taken. */
const held = (): number => [...sockets].reduce((sum, socket) => sum + socket.writableLength, 0);

async function record({ organization_id }: TestPerson, count: number, data: object): Promise<void> {
  const event = { organization_id, type: 'task.updated', actor: SYSTEM, subject: {} } as const;
  await server.app
    .get(EventsService, { strict: false })
    .record(...Array.from({ length: count }, (_, at) => ({ ...event, data: { ...data, at } })));
}

/** Lets events pass by two readers who take nothing; gives the most that was held, and what they read at last. */
async function passBy(count: number): Promise<{ most: number; read: number[]; reason: unknown }> {
  const person = await signInPerson(server);
  const slow = await StreamClient.open(server.url, '/events/stream', person);
  const socket = await SocketClient.signedIn(server.url, person.token);
  await socket.subscribe();
  const awake = await StreamClient.open(server.url, '/events/stream', person);
  slow.pause();
  socket.socket.pause();
  let most = 0;
  const looking = setInterval(() => (most = Math.max(most, held())), 2);
  for (let passed = 0; passed < count; passed += BATCH) {
    await record(person, BATCH, { text: 'x'.repeat(600) });
    await eventually('who is awake has them', () => awake.events.length === passed + BATCH);
  }
  clearInterval(looking);
  slow.resume();
  socket.socket.resume();
  const got = (): number => slow.received.length + socket.messages.length;
  for (let before = 0; slow.events.length + socket.events.length < 2 * count && !slow.closed; before = got())
    await eventually('the others go on', () => got() > before || slow.closed);
  const [ids, others] = [slow.events.map(({ id }) => id), socket.events.map(({ id }) => id)];
  expect(slow.closed || JSON.stringify(ids) === JSON.stringify(awake.events.map(({ id }) => id))).toBe(true);
  [slow, awake].forEach((client) => client.close());
  socket.cut();
  return { most, read: [new Set(ids).size, new Set(others).size], reason: slow.reason };
}

it(
  'a reader who takes nothing costs one page of memory, and gets everything once they go on',
  async () => {
    const { most, read } = await passBy(EVENTS);
    figure(null, 'bytes held for two readers who take nothing', most, 'while', EVENTS, 'events pass');
    expect(read).toEqual([EVENTS, EVENTS]);
    expect(most).toBeLessThan(BOUND);
  },
  PATIENCE_MS,
);

it('a server that does not wait for its readers holds all of it: this would be seen', async () => {
  const { send } = EventStream.prototype;
  EventStream.prototype.send = async function (bytes) {
    void send.call(this, bytes);
  };
  try {
    expect((await passBy(10_000)).most).toBeGreaterThan(BOUND);
  } finally {
    EventStream.prototype.send = send;
  }
});

it(
  'many who follow an organization hear of an event soon, from one look at the database',
  async () => {
    const person = await signInPerson(server);
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => StreamClient.open(server.url, '/events/stream', person)),
    );
    const took: number[] = [];
    const reads = countReads();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const before = performance.now();
      await record(person, 1, { round });
      await eventually('everybody has it', () => clients.every(({ events }) => events.length === round));
      took.push(Math.max(...clients.map(({ events }) => events[round - 1]!.at)) - before);
    }
    const looks = reads();
    clients.forEach((client) => client.close());
    took.sort((a, b) => a - b);
    const [median, p95] = [took[Math.floor(ROUNDS / 2)]!, took[Math.floor(ROUNDS * 0.95)]!];
    figure(
      null,
      `event to the last of ${String(CLIENTS)} clients`,
      `${median.toFixed(0)} ms,`,
      `p95 ${p95.toFixed(0)} ms`,
    );
    figure(null, 'reads of the order for each event', (looks / ROUNDS).toFixed(1));
    // A look for each client would be many more; a slow poll may add one now and then.
    expect(looks).toBeLessThan(ROUNDS * 6);
  },
  PATIENCE_MS,
);

/** Counts pages that are read from now on. */
function countReads(): () => number {
  const events = server.app.get(EventsService, { strict: false });
  const { readPage } = events;
  let count = 0;
  events.readPage = (filter) => {
    count += 1;
    return readPage.call(events, filter);
  };
  return () => {
    Reflect.deleteProperty(events, 'readPage');
    return count;
  };
}
