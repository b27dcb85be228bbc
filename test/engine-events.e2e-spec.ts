import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { EventsService } from '../src/events/events.service.js';
import { EventsStore } from '../src/events/events.store.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { StreamClient } from './stream-client.js';
import { startTestApp, type TestApp } from './test-app.js';

const RECONNECTS = size({ full: 1000, short: 30 });
const STREAMS = size({ full: 1000, short: 50 });
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

interface Fact {
  id: string;
  data: { writer: number; round: number };
}

/** What a reader got, and the cursor it would come again with. */
interface Part {
  facts: Fact[];
  cursor: string;
}

/** How a reader goes on from a cursor; `isOver` when nothing is written any more. */
type GoOn = (server: TestApp, cursor: string, isOver: boolean) => Promise<Part>;

const byPages: GoOn = async (server, cursor) => {
  const { body } = await server.request
    .get(`/api/v1/events?types=task.updated&limit=${String(PAGE)}&after=${cursor}`)
    .set('Authorization', `Bearer ${person.token}`)
    .expect(200);
  const { items, next_cursor } = body as { items: Fact[]; next_cursor: string };
  return { facts: items, cursor: next_cursor };
};

/** A stream that breaks as soon as something has come; the last one goes on to the end. */
const byStreams: GoOn = async (server, cursor, isOver) => {
  const client = await StreamClient.open(server.url, '/events/stream', { ...person, lastEventId: cursor });
  if (isOver) {
    const end = BigInt(await server.app.get(EventsService, { strict: false }).findEnd(person.organization_id));
    await eventually('the stream comes to the end', () => BigInt(client.lastEventId) >= end);
  } else await eventually('an event comes', () => client.events.length > 0);
  client.close();
  return {
    facts: client.events.map(({ data }) => data as unknown as Fact).filter(({ data }) => 'writer' in data),
    cursor: client.lastEventId,
  };
};

/**
 * Writers record facts in transactions of different lengths, at two processes, while a reader comes again and again,
 * at either process, with the last cursor it was given. What it never saw is a gap.
 */
async function readWhileWriting(minimum: number, goOn: GoOn): Promise<Read> {
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
    const part = await goOn(server, cursor, !writing);
    seen.push(...part.facts.map(({ data }) => `${String(data.writer)}/${String(data.round)}`));
    cursor = part.cursor;
    return part.facts.length;
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

it.each([
  { way: 'asks for pages', goOn: byPages, minimum: RECONNECTS },
  { way: 'follows a stream', goOn: byStreams, minimum: STREAMS },
])(
  'a reader that comes again and again and $way misses nothing and sees nothing twice, whoever writes meanwhile',
  async ({ way, goOn, minimum }) => {
    const { events, reconnects, gaps, duplicates } = await readWhileWriting(minimum, goOn);
    figure(20, `events missed / seen twice by who ${way}`, gaps, '/', duplicates);
    figure(20, `events and reconnects of who ${way}`, events, 'events,', reconnects, 'reconnects');
    expect({ gaps, duplicates }).toEqual({ gaps: 0, duplicates: 0 });
    expect(events).toBeGreaterThan(minimum);
  },
  PATIENCE_MS,
);

it.each([
  { way: 'pages', goOn: byPages },
  { way: 'streams', goOn: byStreams },
])(
  'a cursor over the order of writing misses events: this would be seen by $way',
  async ({ way, goOn }) => {
    const stores = [first, second].map((server) => server.app.get(EventsStore, { strict: false }));
    for (const store of stores) {
      // As if the outbox were the table of events: rows that are committed late appear behind the cursor.
      store.backlog = () => Promise.resolve(false);
      store.sequence = () => Promise.resolve(0);
      store.findEnd = async () =>
        (await first.database.one<{ end: string }>('select coalesce(max(id), 0)::text as end from event_outbox'))!.end;
      store.findAfter = ({ organization_id, after, limit }) =>
        first.database.query(
          `select id as position, type, actor, subject, data, created_at from event_outbox
           where organization_id = $1 and id > $2::bigint order by id limit $3`,
          [organization_id, after, limit],
        );
    }
    try {
      const { events, gaps } = await readWhileWriting(30, goOn);
      figure(20, `control: events missed by a cursor over the order of writing, ${way}`, gaps, 'of', events);
      expect(gaps).toBeGreaterThan(0);
    } finally {
      for (const store of stores)
        ['backlog', 'sequence', 'findEnd', 'findAfter'].forEach((name) => Reflect.deleteProperty(store, name));
    }
  },
  PATIENCE_MS,
);
