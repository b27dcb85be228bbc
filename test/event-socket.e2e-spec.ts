import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SYSTEM } from '../src/auth/principal.js';
import { EventsService } from '../src/events/events.service.js';
import { eventually } from './eventually.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { head, RawConnection, sendRaw } from './raw-http.js';
import { SocketClient } from './socket-client.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let person: TestPerson;

beforeAll(async () => {
  server = await startTestApp({ STREAM_PING_SECONDS: '1', CORS_ORIGINS: 'https://console.example' });
  person = await signInPerson(server);
});
afterAll(() => server.close());

const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': 13,
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

const signedIn = (token = person.token): Promise<SocketClient> => SocketClient.signedIn(server.url, token);

describe('a connection', () => {
  it('is somebody’s by its first message, and tells them what happens from then on', async () => {
    const client = await signedIn();
    const { id, after } = await client.subscribe({ id: 'all' });
    expect([id, /^\d+$/.test(String(after))]).toEqual(['all', true]);
    const task_id = await person.task();
    await client.hears('event');
    expect(client.events).toMatchObject([{ type: 'task.created', subject: { task_id } }]);
    client.cut();
  });

  it('is somebody’s by a subprotocol, as pages of browsers have no other way in the handshake', async () => {
    const client = await SocketClient.open(server.url, {
      protocols: ['miyabi.v1', `bearer.${person.token}`],
      origin: 'https://console.example',
    });
    expect(client.socket.protocol).toBe('miyabi.v1');
    await client.hears('authenticated');
    client.cut();
  });

  it('goes on behind a cursor, with filters, and a later subscription takes the place of an earlier one', async () => {
    const mine = await signInPerson(server);
    const client = await signedIn(mine.token);
    const ids = [await mine.task(), await mine.task()];
    await client.subscribe({ after: '0', types: ['task.created'], task_id: ids[1] });
    await client.hears('event');
    await client.subscribe({ types: ['task.cancelled'] });
    await mine.post(`/tasks/${String(ids[1])}/cancel`);
    await client.hears('event', 2);
    expect(client.events.map(({ type, subject }) => [type, subject])).toEqual([
      ['task.created', { task_id: ids[1] }],
      ['task.cancelled', { task_id: ids[1] }],
    ]);
    client.cut();
  });

  it('tells of a cursor that moves without an event for its reader', async () => {
    const client = await signedIn();
    await client.subscribe({ types: ['budget.warning'] });
    const task = await person.task();
    const [position] = await client.hears('position');
    const { body } = await person.get(`/events?task_id=${task}`);
    expect(position!['after']).toBe((body.items as { id: string }[])[0]!.id);
    client.cut();
  });

  it('of nobody is closed, whatever it says first', async () => {
    for (const first of [{ type: 'subscribe' }, 'nonsense', { type: 'auth', token: 'nonsense' }, { type: 'auth' }]) {
      const client = await SocketClient.open(server.url);
      client.say(first);
      expect(await client.closes()).toBe(4401);
      expect(client.of('error')).toHaveLength(1);
    }
    const wrong = await SocketClient.open(server.url, { protocols: ['miyabi.v1', 'bearer.myk_x'] });
    expect(await wrong.closes()).toBe(4401);
  });

  it('of a caller without the permission is closed with a code of its own', async () => {
    const { body } = await person.post('/api-keys', { name: 'blind', permissions: ['tasks.read'] });
    const client = await SocketClient.open(server.url);
    client.say({ type: 'auth', token: (body as { secret?: unknown }).secret });
    expect(await client.closes()).toBe(4403);
  });

  it('answers what it does not understand, and goes on, but not for ever', async () => {
    const client = await signedIn();
    const wrong: [unknown, string, string?][] = [
      ['{', 'json/malformed'],
      ['[]', 'socket/malformed'],
      ['null', 'socket/malformed'],
      [Buffer.from([1, 2, 3]), 'socket/not-text'],
      [{ type: 'sing' }, 'socket/unknown-type'],
      [{ type: 'constructor' }, 'socket/unknown-type'],
      [{ type: 'subscribe', types: ['task.unheard_of'] }, 'request/invalid', 'types'],
      [{ type: 'subscribe', after: 5 }, 'request/invalid', 'after'],
      [{ type: 'subscribe', surprise: 1 }, 'request/invalid', 'surprise'],
    ];
    for (const [message] of wrong) client.say(message);
    const answers = await client.hears('error', wrong.length);
    expect(answers.map(({ code, errors }) => [code, (errors as { field: string }[] | undefined)?.[0]?.field])).toEqual(
      wrong.map(([, code, field]) => [code, field]),
    );
    await client.subscribe();
    await person.task();
    await client.hears('event');
    for (let at = 0; at < 20; at += 1) client.say('{');
    expect(await client.closes()).toBe(1008);
    expect(client.of('error')).toHaveLength(wrong.length + 10);
  });

  it('that sends too much at once is closed', async () => {
    const client = await signedIn();
    client.say({ type: 'subscribe', id: 'x'.repeat(20_000) });
    expect(await client.closes()).toBe(1009);
  });

  it('is closed when its session ends, unless it has come with another one meanwhile', async () => {
    const leaving = await signInPerson(server);
    const client = await signedIn(leaving.token);
    const renewed = await signedIn(leaving.token);
    const { body } = await leaving.post('/api-keys', { name: 'reader', permissions: ['events.read'] });
    renewed.say({ type: 'auth', token: (body as { secret?: unknown }).secret });
    await renewed.hears('authenticated', 2);
    renewed.say({ type: 'auth', token: person.token });
    expect((await renewed.hears('error'))[0]!['code']).toBe('socket/other-organization');
    await leaving.post('/auth/logout', {});
    expect(await client.closes()).toBe(4401);
    expect(client.of('end')).toEqual([{ type: 'end', reason: 'signed-out' }]);
    expect(renewed.code).toBeNull();
    renewed.cut();
  });

  it('that answers no ping is cut, one that does stays', async () => {
    const client = await signedIn();
    const silent = await RawConnection.open(server.url);
    silent.send(head('GET /api/v1/ws', { ...HANDSHAKE, Authorization: `Bearer ${person.token}` }));
    await silent.untilClosed();
    await eventually('it has had pings', () => client.pings > 2);
    expect(client.code).toBeNull();
    client.cut();
  });

  it.each([
    ['/api/v1/ws?token=x', {}, '400 socket/query'],
    ['/api/v1/elsewhere', {}, '404 request/no-such-route'],
    ['/api/v1/ws', { Host: 'elsewhere.example' }, '421 http/foreign-host'],
    ['/api/v1/ws', { Origin: 'https://elsewhere.example' }, '403 http/foreign-origin'],
    ['/api/v1/ws', { Origin: 'null' }, '403 http/foreign-origin'],
    ['/api/v1/ws', { 'Sec-WebSocket-Version': '12' }, '400 socket/handshake'],
    ['/api/v1/ws', { 'Sec-WebSocket-Key': 'short' }, '400 socket/handshake'],
    ['/%ff', {}, '400 request/malformed'],
  ])('is refused before it begins: %s %j', async (path, fields, refusal) => {
    const { status, body } = await sendRaw(server.url, head(`GET ${path}`, { ...HANDSHAKE, ...fields }));
    expect(`${String(status)} ${(JSON.parse(body) as { code: string }).code}`).toBe(refusal);
  });
});

it('leaves requests alone that offer another protocol', async () => {
  const offer = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQCAAAAAAIAAAAA' };
  const { status, headers, body } = await sendRaw(server.url, head('GET /api/v1/health/live', offer));
  expect([status, headers['connection'], JSON.parse(body)]).toEqual([200, 'close', { status: 'ok' }]);
});

it('takes no more than its share from those of whom nothing is known yet', async () => {
  const strangers = await Promise.all(Array.from({ length: 200 }, () => SocketClient.open(server.url)));
  await expect(SocketClient.open(server.url)).rejects.toThrow('503 stream/too-many');
  strangers[0]?.cut();
  await eventually('there is room again', async () => {
    const client = await SocketClient.open(server.url).catch(() => null);
    client?.cut();
    return client !== null;
  });
  strangers.forEach((client) => client.cut());
});

it('waits for a reader who takes nothing, and lets them go after a while', async () => {
  const small = await startTestApp({ STREAM_SLOW_SECONDS: '1', STREAM_PING_SECONDS: '0.3' }, server);
  try {
    const client = await SocketClient.signedIn(small.url, person.token);
    await client.subscribe();
    client.socket.pause();
    const event = {
      organization_id: person.organization_id,
      type: 'task.updated',
      actor: SYSTEM,
      subject: {},
    } as const;
    const filling = { ...event, data: { text: 'x'.repeat(10_000) } };
    const events = small.app.get(EventsService, { strict: false });
    for (let at = 0; at < 10; at += 1) await events.record(...Array.from({ length: 100 }, () => filling));
    await eventually(
      'nobody is connected',
      () =>
        new Promise((resolve) =>
          small.app.getHttpServer().getConnections((_error: unknown, count: number) => resolve(count === 0)),
        ),
    );
  } finally {
    await small.close();
  }
});
