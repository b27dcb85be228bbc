import { randomBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventsService } from '../src/events/events.service.js';
import { EventsStore } from '../src/events/events.store.js';
import { type AccessClaims, jwtOptions } from '../src/auth/access-tokens.service.js';
import { SYSTEM } from '../src/auth/principal.js';
import { AuthConfig } from '../src/config/auth.config.js';
import type { EventType } from '../src/events/event-types.js';
import { newId } from '../src/ids.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { becomes, caller, joinsAs, leaves, ownerOfNew } from './memberships.js';
import { StreamClient, type StreamWish } from './stream-client.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let second: TestApp;
let person: TestPerson;

beforeAll(async () => {
  const environment = { JWT_SECRET: randomBytes(32).toString('base64'), STREAM_PING_SECONDS: '0.2' };
  server = await startTestApp(environment);
  second = await startTestApp(environment, server);
  person = await signInPerson(server);
});
afterAll(async () => {
  await second.close();
  await server.close();
});

const open = (wish: StreamWish & { at?: TestApp; query?: string }): Promise<StreamClient> =>
  StreamClient.open((wish.at ?? server).url, `/events/stream${wish.query ?? ''}`, wish);

/** Facts of the organization, each with its number. */
async function record(count: number, { organization_id } = person, type: EventType = 'task.updated'): Promise<void> {
  const event = { organization_id, type, actor: SYSTEM, subject: {} };
  await server.app
    .get(EventsService, { strict: false })
    .record(...Array.from({ length: count }, (_, at) => ({ ...event, data: { at } })));
}

const typesOf = (client: StreamClient): unknown[] => client.events.map(({ data }) => data['type']);

describe('a stream of events', () => {
  it('tells what happens from now on, at any process, with headers that keep proxies from holding it back', async () => {
    await person.task();
    const clients = await Promise.all([server, second].map((at) => open({ ...person, at })));
    expect(clients[0]?.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    const id = await person.task();
    for (const client of clients) {
      await eventually('an event comes', () => client.events.length > 0);
      const [event] = client.events;
      expect(event).toMatchObject({ data: { type: 'task.created', subject: { task_id: id }, id: event!.id } });
      client.close();
    }
  });

  it('goes on behind the last event seen, also one that was no event of its reader, and `after` begins it', async () => {
    const begun = await open({ ...person, query: '?types=task.created' });
    const cursor = begun.lastEventId;
    await person.task({ name: 'first' });
    await eventually('an event comes', () => begun.events.length === 1);
    begun.close();
    await person.task({ name: 'second' });
    // The header of who comes again goes before the address, which is that of the first time.
    const again = await open({ ...person, query: `?types=task.created&after=${cursor}`, ...begun });
    await eventually('the event of the time between comes', () => again.events.length === 1);
    again.close();
    const anew = await open({ ...person, query: `?types=task.created&after=${cursor}` });
    await eventually('both events come', () => anew.events.length === 2);
    expect(again.events[0]?.data).toEqual(anew.events[1]?.data);
    anew.close();
  });

  it('moves the cursor of a reader also where there is nothing for them', async () => {
    const client = await open({ ...person, query: '?types=budget.warning' });
    const before = client.lastEventId;
    await record(2500);
    await eventually('the cursor has passed them all', async () => {
      const { body } = await person.get(`/events?after=${client.lastEventId}&limit=1`);
      return (body.items as unknown[]).length === 0;
    });
    expect(Number(client.lastEventId)).toBeGreaterThan(Number(before));
    expect(client.received).toEqual([]);
    client.close();
    // The same for what is stored, where the window in memory does not reach.
    const stored = await open({ ...person, query: `?types=budget.warning&after=${before}` });
    await eventually('the cursor has passed the stored ones', () => stored.lastEventId === client.lastEventId);
    stored.close();
  });

  it('tells of some types or of one task only', async () => {
    const id = await person.task();
    const byType = await open({ ...person, query: '?types=task.cancelled&types=task.deleted' });
    const byTask = await open({ ...person, query: `?task_id=${id}` });
    const other = await person.task();
    for (const task of [other, id]) await person.post(`/tasks/${task}/cancel`);
    await person.delete(`/tasks/${other}`);
    await eventually('three events come', () => byType.events.length === 3);
    expect(typesOf(byType)).toEqual(['task.cancelled', 'task.cancelled', 'task.deleted']);
    await eventually('an event comes', () => byTask.events.length > 0);
    expect(typesOf(byTask)).toEqual(['task.cancelled']);
    byType.close();
    byTask.close();
  });

  it('tells nothing of other organizations', async () => {
    const stranger = await signInPerson(server);
    const client = await open(stranger);
    await person.task();
    const own = await stranger.task();
    await eventually('an event comes', () => client.events.length > 0);
    expect(client.events.map(({ data }) => data['subject'])).toEqual([{ task_id: own }]);
    const all = await open({ ...stranger, query: '?after=0' });
    await eventually('all of its own come', () => all.events.length === 1);
    [client, all].forEach((one) => one.close());
  });

  it('tells how executions get on, without an id', async () => {
    const worker = await registerWorker(server);
    const mine = await signInPerson(server);
    const client = await open(mine);
    const other = await open({ ...mine, query: '?types=task.created' });
    const task_id = await mine.task({ priority: 'P0' });
    const execution_id = (await worker.claim({ max: 100 })).find((one) => one.task_id === task_id)?.execution_id;
    await eventually('the claim is told of', () => typesOf(client).includes('execution.started'));
    await worker.post(`/executions/${execution_id}/progress`, { progress: 40, message: 'a secret plan' });
    await worker.post(`/executions/${execution_id}/logs`, { offset: 0, entries: [{ message: 'secret' }] });
    await eventually('both are told', () => client.live.length === 2);
    expect(
      client.live.map(({ data }) => data).sort((a, b) => String(b['type']).localeCompare(String(a['type']))),
    ).toEqual([
      { type: 'execution.progress', subject: { task_id, execution_id }, data: { progress: 40 } },
      { type: 'execution.log', subject: { task_id, execution_id }, data: { log_entries: 1 } },
    ]);
    expect(other.live).toEqual([]);
    [client, other].forEach((one) => one.close());
  });

  it('outlives the loss of every connection to the database', async () => {
    const client = await open(person);
    await server.sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name <> ''`,
    );
    await eventually(
      'a task can be created again',
      async () => (await person.post('/tasks', { name: 'x', agent_type: 'note' })).status === 201,
    );
    await eventually('an event comes', () => client.events.length > 0);
    expect(client.closed).toBe(false);
    client.close();
  });

  it.each([
    ['/events/stream', {}, '401 auth/no-token'],
    ['/events/stream?after=-1', null, '400 request/invalid'],
    ['/events/stream?types=task.unheard_of', null, '400 request/invalid'],
    ['/events/stream', { 'Last-Event-ID': 'x' }, '400 request/invalid'],
    ['/events/stream', { Host: 'elsewhere.example' }, '421 http/foreign-host'],
  ])('is refused where it makes no sense: %s %j', async (path, headers, refusal) => {
    const token = headers !== null && Object.keys(headers).length === 0 ? undefined : person.token;
    await expect(StreamClient.open(server.url, path, { token, headers: headers ?? {} })).rejects.toThrow(refusal);
  });

  it('has no body for HEAD', async () => {
    const answer = await fetch(`${server.url}/api/v1/events/stream`, {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${person.token}` },
    });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });
});

/** A key of the person that may read events, and a stream opened with it. */
async function keyed(): Promise<{ id: string; client: StreamClient }> {
  const { body } = await person.post('/api-keys', { name: 'reader', permissions: ['events.read', 'tasks.read'] });
  const { api_key, secret } = body as unknown as { api_key: { id: string }; secret: string };
  return { id: api_key.id, client: await open({ token: secret }) };
}

/** An access token of the person's session that lives for a moment. */
function briefToken({ token }: TestPerson): string {
  const { sub, sid, org } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as AccessClaims;
  const jwt = new JwtService({ ...jwtOptions(server.app.get(AuthConfig)) });
  const { algorithm, issuer, audience } = { algorithm: 'HS256', issuer: 'miyabi', audience: 'miyabi-api' } as const;
  return jwt.sign({ sub, sid, org, jti: newId() }, { algorithm, issuer, audience, expiresIn: 2 });
}

it('ends with its reason once its caller may not have it any more, whatever process has seen to that', async () => {
  const [staying, leaving] = [await signInPerson(server), await signInPerson(server)];
  const [owner, switching] = [await ownerOfNew(server), await ownerOfNew(server)];
  const member = await joinsAs(server, owner.organization_id, 'member');
  const [revoked, narrowed] = [await keyed(), await keyed()];
  const kept = await open(staying);
  const [signedOut, left, switched] = [await open(leaving), await open(member), await open(switching)];
  const expired = await open({ token: briefToken(staying) });

  await caller(second, leaving.token).post('auth/logout').expect(204);
  await caller(second, person.token).delete(`api-keys/${revoked.id}`).expect(204);
  await server.sql.query(`update access_keys set permissions = '{tasks.read}' where id = $1`, [narrowed.id]);
  await leaves(server, member.user, owner.organization_id);
  await becomes(server, switching.user, 'viewer', owner.organization_id);
  const { organization_id } = owner;
  await caller(second, switching.token).post('auth/switch-organization', { organization_id }).expect(200);

  const streams = { signedOut, revoked: revoked.client, narrowed: narrowed.client, left, switched, expired };
  await eventually('all of them have ended', () => Object.values(streams).every(({ closed }) => closed));
  expect(Object.fromEntries(Object.entries(streams).map(([name, { reason }]) => [name, reason]))).toEqual({
    signedOut: 'signed-out',
    revoked: 'signed-out',
    narrowed: 'forbidden',
    left: 'signed-out',
    switched: 'signed-out',
    expired: 'signed-out',
  });
  expect(kept.closed).toBe(false);
  kept.close();
  await expect(open(leaving)).rejects.toThrow('401 auth/session-ended');
});

it('is refused with 503 beyond the streams that a process may have open', async () => {
  const small = await startTestApp({ MAX_STREAMS: '2' }, server);
  try {
    const clients = [await open({ ...person, at: small }), await open({ ...person, at: small })];
    await expect(open({ ...person, at: small })).rejects.toThrow('503 stream/too-many');
    clients[0]?.close();
    await eventually('there is room again', async () => {
      const client = await open({ ...person, at: small }).catch(() => null);
      client?.close();
      return client !== null;
    });
    clients[1]?.close();
  } finally {
    await small.close();
  }
});

it('is found by looking where hints are lost', async () => {
  const client = await open(person);
  await server.app
    .get(EventsStore, { strict: false })
    .record([{ organization_id: person.organization_id, type: 'task.updated', actor: SYSTEM, subject: {} }]);
  await eventually('an event comes', () => client.events.length === 1);
  client.close();
});
