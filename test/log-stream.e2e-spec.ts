import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { StreamClient } from './stream-client.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let second: TestApp;
let person: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  const JWT_SECRET = randomBytes(32).toString('base64');
  server = await startTestApp({ JWT_SECRET });
  second = await startTestApp({ JWT_SECRET }, server);
  person = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(async () => {
  await second.close();
  await server.close();
});

/** An execution that runs, with some entries. */
async function running(entries = 0): Promise<Run> {
  const task_id = await person.task({ priority: 'P0' });
  const execution_id = (await worker.claim({ max: 1 }))[0]!.execution_id;
  const run = new Run(execution_id, task_id);
  if (entries > 0) await run.say(entries);
  return run;
}

class Run {
  private said = 0;

  constructor(
    readonly id: string,
    readonly task_id: string,
  ) {}

  async say(count: number, fields: object = {}): Promise<void> {
    const entries = Array.from({ length: count }, (_, at) => ({
      message: `line ${String(this.said + at)}`,
      ...fields,
    }));
    const { status } = await worker.post(`/executions/${this.id}/logs`, { offset: this.said, entries });
    expect(status).toBe(200);
    this.said += count;
  }

  async finish(): Promise<void> {
    expect((await worker.finish(this.id, { outcome: 'completed' })).status).toBe(200);
  }

  open(query = '', lastEventId?: string, at = server): Promise<StreamClient> {
    const { token } = person;
    return StreamClient.open(at.url, `/executions/${this.id}/logs/stream${query}`, { token, lastEventId });
  }
}

const seqs = (client: StreamClient): unknown[] => client.events.map(({ data }) => data['seq']);
const upTo = (count: number, from = 0): number[] => Array.from({ length: count - from }, (_, at) => from + at);
const ends = (client: StreamClient): Promise<void> => eventually('the stream ends', () => client.closed);

describe('the stream of a log', () => {
  it('has what is stored, then what is said, then the end, at any process', async () => {
    const run = await running(300);
    const clients = [await run.open(), await run.open('', undefined, second)];
    await eventually('the stored entries come', () => clients.every(({ events }) => events.length === 300));
    await run.say(3);
    await eventually('the new ones come', () => clients.every(({ events }) => events.length === 303));
    await run.say(500);
    await run.finish();
    for (const client of clients) {
      await ends(client);
      expect(seqs(client)).toEqual(upTo(803));
      expect(client.events.map(({ id }) => id)).toEqual(upTo(803).map(String));
      expect(client.reason).toBe('finished');
    }
  });

  it('of an execution that has ended is whole, and over at once; who comes again gets the rest', async () => {
    const run = await running(250);
    await run.finish();
    const whole = await run.open();
    await ends(whole);
    expect([seqs(whole), whole.reason]).toEqual([upTo(250), 'finished']);
    const rest = await run.open('?after=5', '199');
    await ends(rest);
    expect(seqs(rest)).toEqual(upTo(250, 200));
    const nothing = await run.open('', '249');
    await ends(nothing);
    expect([seqs(nothing), nothing.reason]).toEqual([[], 'finished']);
  });

  it('is narrowed as the list of entries is, and its cursor moves on where nothing is wanted', async () => {
    const run = await running();
    await run.say(200);
    await run.say(2, { level: 'error', message: 'it broke' });
    const [tail, level, text] = [await run.open('?tail=3'), await run.open('?level=warn'), await run.open('?q=LINE 1')];
    await run.say(1, { level: 'error', message: 'it broke again' });
    await run.say(1, { message: 'line 1000' });
    await run.finish();
    await Promise.all([tail, level, text].map(ends));
    expect(seqs(tail)).toEqual([199, 200, 201, 202, 203]);
    expect(seqs(level)).toEqual([200, 201, 202]);
    expect(seqs(text)).toEqual([1, ...upTo(20, 10), ...upTo(200, 100), 203]);
    const { body } = await person.get(`/executions/${run.id}/logs?level=error&after=-1&limit=1000`);
    expect(body['next_after']).toBe(203);
  });

  it('is not there for others, nor for an execution that is not there', async () => {
    const run = await running(1);
    const stranger = await signInPerson(server);
    const path = (id: string) => `/executions/${id}/logs/stream`;
    const refusals = [run.id, '0192f0c1-2345-7abc-8def-0123456789ab'].map((id) =>
      expect(StreamClient.open(server.url, path(id), stranger)).rejects.toThrow('404 execution/not-found'),
    );
    await Promise.all(refusals);
    await expect(run.open('', '99999999999')).rejects.toThrow('400 request/invalid');
    await run.finish();
  });

  it('ends with its reason when the log is gone', async () => {
    const aged = await running(5);
    const deleted = await running(5);
    await Promise.all([aged.finish(), deleted.finish()]);
    await server.sql.query('delete from execution_logs where execution_id = $1', [aged.id]);
    await server.sql.query('update agent_executions set logs_removed_at = now() where id = $1', [aged.id]);
    const client = await aged.open();
    await ends(client);
    expect([seqs(client), client.reason]).toEqual([[], 'removed']);
    expect((await person.delete(`/tasks/${deleted.task_id}`)).status).toBe(204);
    await expect(deleted.open()).rejects.toThrow('404 execution/not-found');
  });

  it('reads long entries a few at a time', async () => {
    const run = await running();
    for (let at = 0; at < 3; at += 1) await run.say(60, { message: 'x'.repeat(60_000) });
    const client = await run.open();
    await run.finish();
    await ends(client);
    expect(seqs(client)).toEqual(upTo(180));
  });
});
