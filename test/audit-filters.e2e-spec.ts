import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newId } from '../src/ids.js';
import { readAudit, writeAudit, type Entry, type EntryPage } from './audit-entries.js';
import { caller, ownerOfNew, type Member } from './memberships.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

/** More with `AUDIT_ROWS=200000 npm test -- test/audit-filters.e2e-spec.ts`. */
const ROWS = Number(process.env['AUDIT_ROWS'] ?? 20_000);

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const read = (token: string, query = '') => readAudit(server, token, query);

describe('the filters of the audit log', () => {
  let ada: Member;
  let ids: string[];
  const [worker, task, repository] = [newId(), newId(), newId()];

  beforeAll(async () => {
    ada = await ownerOfNew(server);
    const user = (login: string) => ({ type: 'user', id: newId(), login, trigger: null });
    ids = await writeAudit(server, ada.organization_id, [
      { actor: user('Octo-Cat'), action: 'key.created', subject: { key_id: task } },
      { actor: user('bob'), action: 'key.revoked', subject: { task_id: task, repository_id: repository } },
      { actor: { type: 'worker', id: worker, login: null }, subject: { repository_id: repository } },
      { actor: user('octo-cat'), action: 'member.left' },
    ]);
    await writeAudit(server, (await ownerOfNew(server)).organization_id, [{ subject: { task_id: task } }]);
  });

  /** Places of the entries that are found among those of 2020, newest first. */
  const found = async (query: string): Promise<number[]> =>
    (await read(ada.token, `before=2020-12-31T00:00:00Z&${query}`)).items.map(({ id }) => ids.indexOf(id));

  it.each([
    ['', [3, 2, 1, 0]],
    ['actor=octo-cat', [3, 0]],
    ['actor=OCTO-CAT', [3, 0]],
    ['actor=octo', []],
    [`actor=${worker}`, [2]],
    [`actor=${worker.toUpperCase()}`, [2]],
    [`actor=${newId()}`, []],
    ['action=key.created', [0]],
    ['action=key.created&action=member.left', [3, 0]],
    [`subject=${task}`, [1, 0]],
    [`subject=${repository.toUpperCase()}`, [2, 1]],
    [`subject=${newId()}`, []],
    [`subject=${repository}&actor=bob&action=key.revoked`, [1]],
    [`subject=${repository}&actor=octo-cat`, []],
    ['after=2020-01-01T00:00:01Z', [3, 2]],
    ['after=2020-01-01T02:00:00%2B02:00', [3, 2, 1]],
    ['after=2020-01-01T00:00:00Z&actor=octo-cat', [3]],
  ])('find by %j', async (query, expected) => {
    expect(await found(query)).toEqual(expected);
  });

  it('bound the time on both sides', async () => {
    const { items } = await read(ada.token, 'after=2020-01-01T00:00:00Z&before=2020-01-01T00:00:02Z');
    expect(items.map(({ id }) => id)).toEqual([ids[1]]);
  });

  it('hold from page to page', async () => {
    for (const filter of ['before=2020-12-31T00:00:00Z', 'actor=octo-cat', `subject=${repository}`]) {
      const whole = await read(ada.token, filter);
      const pages: Entry[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: EntryPage = await read(ada.token, `${filter}&limit=1${cursor && `&cursor=${cursor}`}`);
        pages.push(...page.items);
        cursor = page.next_cursor;
      }
      expect(pages).toEqual(whole.items);
      expect(pages.length).toBeGreaterThan(1);
    }
  });

  it.each([
    'action=key.stolen',
    'action=',
    'subject=x',
    'subject=%22%20||%20true',
    'after=yesterday',
    'before=2020-02-30T00:00:00Z',
    'scope=world',
    'actor=',
    'actor=a%20b',
    'actor=a&actor=b',
    'cursor=x',
    'limit=1000',
    'organization_id=1',
  ])('refuse %s', async (query) => {
    expect(await codeOf(caller(server, ada.token).get(`audit-log?${query}`))).toBe('400 request/invalid');
  });

  it('take quotes and the like in a login for what they are', async () => {
    for (const actor of [`'`, `"`, `\\`, `$1`, `%`, `_`, `'--`])
      expect(await found(`actor=${encodeURIComponent(actor)}`)).toEqual([]);
  });
});

describe(`with ${String(ROWS)} entries`, () => {
  interface Plan {
    'Node Type': string;
    'Relation Name'?: string;
    Plans?: Plan[];
  }
  interface Explained {
    Plan: Plan;
    'Execution Time': number;
  }

  const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

  it('every filter is served by an index', async () => {
    const ada = await ownerOfNew(server);
    const rare = newId();
    await server.sql.query(
      `insert into audit_entries (id, organization_id, actor, action, subject, data, created_at)
       select gen_random_uuid(), case when n % 10 > 0 then $1::uuid end,
         jsonb_build_object('type', 'user', 'id', md5((n % 50)::text)::uuid, 'login', 'user' || n % 50),
         ($3::text[])[case when n % 1000 = 1 then 2 else 1 end],
         jsonb_build_object('task_id', case when n = 1 then $2 else gen_random_uuid() end, 'user_id', md5((n % 50)::text)::uuid),
         '{}', now() - make_interval(secs => n)
       from generate_series(1, $4::integer) n`,
      [ada.organization_id, rare, ['auth.signed_in', 'key.revoked'], ROWS],
    );
    await server.sql.query('analyze audit_entries');
    await server.sql.query('update users set is_administrator = true where id = $1', [ada.user.id]);
    const { next_cursor } = await read(ada.token, 'limit=100');
    const somebody = (await read(ada.token, 'actor=user7&limit=1')).items[0]!;
    const report: string[] = [];
    for (const query of [
      '',
      `cursor=${String(next_cursor)}`,
      'actor=user7',
      'actor=nobody',
      `actor=${String(somebody.actor.id)}`,
      'action=auth.signed_in',
      'action=key.revoked',
      'action=key.revoked&action=key.created',
      'action=member.left',
      `subject=${rare}`,
      `subject=${newId()}`,
      `subject=${somebody.subject['user_id'] ?? ''}`,
      `subject=${rare}&actor=user1&action=key.revoked`,
      `after=${new Date(Date.now() - 60_000).toISOString()}`,
      `before=${new Date(Date.now() - 1000 * (ROWS - 60)).toISOString()}`,
      'scope=instance',
      'scope=instance&action=auth.signed_in',
      'scope=instance&action=key.revoked',
      'scope=instance&actor=user10',
    ]) {
      const statements = jest.spyOn(server.database, 'query');
      await read(ada.token, query);
      const [text, parameters] = statements.mock.calls.find(([sql]) => sql.includes('audit_entries'))!;
      statements.mockRestore();
      const { rows } = await server.sql.query<{ 'QUERY PLAN': [Explained] }>(
        `explain (analyze, timing off, format json) ${text}`,
        [...(parameters ?? [])],
      );
      const [explained] = rows[0]!['QUERY PLAN'];
      const kinds = nodes(explained.Plan).map((node) => node['Node Type']);
      report.push(`${explained['Execution Time'].toFixed(2)} ms  ${query.slice(0, 60)}  ${kinds.join(' < ')}`);
      expect([query, kinds]).toEqual([query, expect.not.arrayContaining(['Seq Scan'])]);
    }
    process.stdout.write(`audit log, ${String(ROWS)} entries:\n  ${report.join('\n  ')}\n`);
  });
});
