import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { EventsStore } from '../src/events/events.store.js';
import { figure } from './figures.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { startTestApp, type TestApp } from './test-app.js';

const RECONNECTS = size({ full: 1000, short: 30 });
const WRITERS = 6;
const PAGE = 7;

let first: TestApp;
let second: TestApp;
let person: TestPerson;

beforeAll(async () => {
  const JWT_SECRET = randomBytes(32).toString('base64');
  first = await startTestApp({ JWT_SECRET });
  second = await startTestApp({ JWT_SECRET }, first);
});
afterAll(async () => {
  await second.close();
  await first.close();
});

interface Read {
  events: number;
  reconnects: number;
  gaps: number;
  duplicates: number;
}

/**
 * Writers record facts in transactions of different lengths, at two processes, while a reader comes again and again,
 * at either process, with the last cursor it was given. What it never saw is a gap.
 */
async function readWhileWriting(minimum: number): Promise<Read> {
  person = await signInPerson(first);
  let writing = true;
  const writers = Array.from({ length: WRITERS }, async (_, at) => {
    const server = at % 2 === 0 ? first : second;
    const events = server.app.get(EventsStore, { strict: false });
    for (let round = 0; writing; round += 1) {
      await server.database.transaction(async () => {
        await events.record([
          {
            organization_id: person.organization_id,
            type: 'task.updated',
            actor: { type: 'system', id: null, login: null, trigger: null },
            subject: {},
            data: { writer: at, round },
          },
        ]);
        // A transaction that began early and ends late is what a naive cursor passes over.
        if (round % 3 === at % 3) await server.database.query('select pg_sleep(0.02)');
      });
    }
    return at;
  });
  const seen: string[] = [];
  let cursor = '0';
  let reconnects = 0;
  const readOnce = async (): Promise<number> => {
    const server = reconnects % 2 === 0 ? first : second;
    reconnects += 1;
    const { body } = await server.request
      .get(`/api/v1/events?types=task.updated&limit=${String(PAGE)}&after=${cursor}`)
      .set('Authorization', `Bearer ${person.token}`)
      .expect(200);
    const { items, next_cursor } = body as {
      items: { id: string; data: { writer: number; round: number } }[];
      next_cursor: string;
    };
    seen.push(...items.map(({ data }) => `${String(data.writer)}/${String(data.round)}`));
    cursor = next_cursor;
    return items.length;
  };
  while (reconnects < minimum) await readOnce();
  writing = false;
  await Promise.all(writers);
  while ((await readOnce()) > 0);
  const { rows } = await first.sql.query<{ fact: string }>(
    `select data->>'writer' || '/' || (data->>'round') as fact from events where organization_id = $1 and type = 'task.updated'
     union all
     select data->>'writer' || '/' || (data->>'round') from event_outbox where organization_id = $1 and type = 'task.updated'`,
    [person.organization_id],
  );
  const unique = new Set(seen);
  const gaps = rows.filter(({ fact }) => !unique.has(fact)).length;
  return { events: rows.length, reconnects, gaps, duplicates: seen.length - unique.size };
}

it(
  'a reader that comes again and again misses nothing and sees nothing twice, whoever writes meanwhile',
  async () => {
    const { events, reconnects, gaps, duplicates } = await readWhileWriting(RECONNECTS);
    figure(20, 'events missed / seen twice', gaps, '/', duplicates);
    figure(20, 'events and reconnects', events, 'events,', reconnects, 'reconnects');
    expect({ gaps, duplicates }).toEqual({ gaps: 0, duplicates: 0 });
    expect(events).toBeGreaterThan(RECONNECTS);
  },
  PATIENCE_MS,
);

it(
  'a cursor over the order of writing misses events: this would be seen',
  async () => {
    const stores = [first, second].map((server) => server.app.get(EventsStore, { strict: false }));
    for (const store of stores) {
      // As if the outbox were the table of events: rows that are committed late appear behind the cursor.
      store.backlog = () => Promise.resolve(false);
      store.sequence = () => Promise.resolve(0);
      store.findAfter = ({ organization_id, after, limit }) =>
        first.database.query(
          `select id as position, type, actor, subject, data, created_at from event_outbox
           where organization_id = $1 and id > $2::bigint order by id limit $3`,
          [organization_id, after, limit],
        );
    }
    try {
      expect((await readWhileWriting(30)).gaps).toBeGreaterThan(0);
    } finally {
      for (const store of stores)
        ['backlog', 'sequence', 'findAfter'].forEach((name) => Reflect.deleteProperty(store, name));
    }
  },
  PATIENCE_MS,
);
