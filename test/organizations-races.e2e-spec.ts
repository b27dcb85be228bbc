import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { figure } from './figures.js';
import { Somebody, staffed, type Staff } from './organizations-people.js';
import { PATIENCE_MS, size } from './scale.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const ROUNDS = size({ full: 500, short: 30 });
const JWT_SECRET = Buffer.alloc(32, 7).toString('base64');

let server: TestApp;
let second: TestApp;
let staff: Staff;

beforeAll(async () => {
  server = await startTestApp({ JWT_SECRET });
  second = await startTestApp({ JWT_SECRET }, server);
  staff = await staffed(server);
});
afterAll(async () => {
  await second.close();
  await server.close();
});

const owners = async (): Promise<number> =>
  Number(
    (
      await server.sql.query<{ n: string }>(
        `select count(*) as n from organization_members where organization_id = $1 and role = 'owner'`,
        [staff.id],
      )
    ).rows[0]?.n,
  );

/** Both are owners and act in the organization, whatever the last round has left of them. */
async function asOwners(...people: Somebody[]): Promise<void> {
  for (const person of people) {
    await server.sql.query(
      `insert into organization_members (organization_id, user_id, role) values ($1, $2, 'owner')
       on conflict (organization_id, user_id) do update set role = 'owner'`,
      [staff.id, person.id],
    );
    if ((await person.get('/auth/me')).status !== 200) await person.actIn(staff.id);
  }
}

describe('two owners', () => {
  it(
    `who go in one way or another at the same time never leave none, ${String(ROUNDS)} times over`,
    async () => {
      const { id, owner: ada, admin: grace } = staff;
      const at = (who: Somebody) => `/organizations/${id}/members/${who.id}`;
      const ways: ((who: Somebody, other: Somebody) => PromiseLike<{ status: number; body: unknown }>)[] = [
        (who) => who.delete(at(who)),
        (who) => who.patch(at(who), { role: 'admin' }),
        (who, other) => who.patch(at(other), { role: 'viewer' }),
        (who, other) => who.delete(at(other)),
      ];
      const outcomes: Record<string, number> = {};
      for (let round = 0; round < ROUNDS; round += 1) {
        await asOwners(ada, grace);
        // Two different processes, each in its way; all pairs of ways come up.
        const [one, other] = [ways[round % 4], ways[Math.floor(round / 4) % 4]];
        const answers = await Promise.all([codeOf(one!(ada, grace)), codeOf(other!(grace.at(second), ada))]);
        for (const answer of answers) outcomes[answer] = (outcomes[answer] ?? 0) + 1;
        expect([round, answers, await owners()]).toEqual([round, answers, 1]);
      }
      process.stdout.write(`owners who go at once: ${JSON.stringify(outcomes)}\n`);
      figure(15, 'owners who go at once, and leave exactly one', ROUNDS, 'of', ROUNDS);
      expect(Object.keys(outcomes).filter((answer) => answer.startsWith('5'))).toEqual([]);
      expect(outcomes['409 organization/last-owner']).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  it('who transfer to each other at once end as one owner and one admin', async () => {
    const { id, owner: ada, admin: grace } = staff;
    for (let round = 0; round < 10; round += 1) {
      await asOwners(ada, grace);
      const transfer = (who: Somebody, to: Somebody) =>
        codeOf(who.post(`/organizations/${id}/transfer`, { user_id: to.id }));
      const answers = await Promise.all([transfer(ada, grace), transfer(grace.at(second), ada)]);
      // The second one hands back what the first has made of both.
      expect([answers, await owners()]).toEqual([['200', '200'], 1]);
    }
  });
});

describe('an invitation', () => {
  const invite = async (login: string, role = 'member') =>
    (await staff.member.at(second).post(`/organizations/${staff.id}/members`, { login, role }).expect(201)).body as {
      id: string;
    };

  beforeAll(() => asOwners(staff.member));

  it('that is accepted and revoked at once ends one way, which both are told', async () => {
    const outcomes: Record<string, number> = {};
    for (let round = 0; round < 20; round += 1) {
      const guest = await Somebody.signIn(server, `racer-${String(round)}`);
      const { id } = await invite(guest.login);
      const answers = await Promise.all([
        codeOf(guest.post(`/invitations/${id}/accept`)),
        codeOf(staff.member.at(second).delete(`/organizations/${staff.id}/invitations/${id}`)),
      ]);
      const belongs = (await guest.get(`/organizations/${staff.id}`)).status === 200;
      const expected = belongs ? ['200', '409 invitation/closed'] : ['409 invitation/closed', '204'];
      expect(answers).toEqual(expected);
      const { rows } = await server.sql.query('select status from invitations where id = $1', [id]);
      expect(rows).toEqual([{ status: belongs ? 'accepted' : 'revoked' }]);
      outcomes[answers.join()] = (outcomes[answers.join()] ?? 0) + 1;
    }
    process.stdout.write(`accepted and revoked at once: ${JSON.stringify(outcomes)}\n`);
  });

  it('of one login is made once by many at once, and accepted once', async () => {
    const guest = await Somebody.signIn(server, 'wanted');
    const asks = Array.from({ length: 8 }, (_, at) =>
      codeOf(
        staff.member
          .at(at % 2 === 0 ? server : second)
          .post(`/organizations/${staff.id}/members`, { login: at % 3 === 0 ? 'WANTED' : 'wanted', role: 'viewer' }),
      ),
    );
    expect((await Promise.all(asks)).sort()).toEqual([
      '201',
      ...Array.from({ length: 7 }, () => '409 invitation/exists'),
    ]);
    const { body } = await guest.get('/invitations').expect(200);
    const [{ id }] = (body as { items: [{ id: string }] }).items;
    const answers = Array.from({ length: 8 }, (_, at) =>
      codeOf(guest.at(at % 2 === 0 ? server : second).post(`/invitations/${id}/accept`)),
    );
    expect((await Promise.all(answers)).sort()).toEqual([
      '200',
      ...Array.from({ length: 7 }, () => '409 invitation/closed'),
    ]);
  });
});
