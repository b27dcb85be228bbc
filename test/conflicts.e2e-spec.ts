import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/ids.js';
import { figure } from './figures.js';
import { signInPerson } from './fleet.js';
import { RunningSite } from './running-site.js';

let site: RunningSite;

beforeAll(async () => {
  site = await RunningSite.open();
});
afterAll(() => site.close());

/** A repository, and what runs in it and has pushed files. */
async function begin(): Promise<{ id: string; running: (files?: Record<string, string>) => Promise<string> }> {
  const repository = await site.repository();
  const running = async (files: Record<string, string> = {}): Promise<string> => {
    const execution = await site.execution(repository.id);
    if (Object.keys(files).length > 0) await site.push(repository, execution, files);
    return execution.id;
  };
  return { id: repository.id, running };
}

/** What is in the folder of objects of a mirror. */
const objectsOf = (id: string): string[] =>
  readdirSync(join(site.scratch.path, 'mirrors', `${id}.git/objects`), { recursive: true })
    .map(String)
    .sort();

it('running executions that would conflict are told with the files, and nothing of the trial stays', async () => {
  const { id, running } = await begin();
  const odd = 'a "b"\n雅';
  const first = await running({ one: 'mine\n', two: 'two\nand mine\n', [odd]: 'x' });
  const second = await running({ one: 'yours\n', [odd]: 'y' });
  const third = await running({ two: 'before\ntwo\n' });
  const fourth = await running({ three: 'apart\n' });
  const fifth = await running();
  const before = objectsOf(id);
  const forecast = await site.foretell(id);
  expect(forecast).toMatchObject({ truncated: false, clean_pairs: 4 });
  expect(Object.fromEntries(forecast.executions.map((one) => [one.execution_id, one.files_changed]))).toEqual({
    [first]: 3,
    [second]: 2,
    [third]: 1,
    [fourth]: 1,
    [fifth]: null,
  });
  const pairs = forecast.pairs.map(({ execution_ids, ...pair }) => ({ ids: [...execution_ids].sort(), ...pair }));
  expect(pairs).toEqual([
    {
      ...{ ids: [first, second].sort(), verdict: 'conflict', conflicts: [odd, 'one'], conflict_count: 2 },
      ...{ paths_in_common: [odd, 'one'], common_count: 2 },
    },
    {
      ...{ ids: [first, third].sort(), verdict: 'clean', conflicts: [], conflict_count: 0 },
      ...{ paths_in_common: ['two'], common_count: 1 },
    },
  ]);
  expect(objectsOf(id)).toEqual(before);
  expect(readdirSync(join(site.scratch.path, 'mirrors/.views'))).toEqual([]);
  await site.worker.finish(second, { outcome: 'completed' });
  expect((await site.foretell(id)).pairs).toHaveLength(1);
});

it('of many executions the newest 16 are looked at, each two of them', async () => {
  const { id, running } = await begin();
  const ids: string[] = [];
  for (let at = 0; at < 17; at++) ids.push(await running({ one: `${String(at)}\n` }));
  const began = performance.now();
  const forecast = await site.foretell(id);
  figure(null, 'foretelling 120 pairs of executions', `${(performance.now() - began).toFixed(0)} ms`);
  expect(forecast.truncated).toBe(true);
  expect(forecast.executions.map((one) => one.execution_id)).toEqual(ids.slice(1).reverse());
  // A machine that is busy may not come to all of them in the time of an answer.
  expect(forecast.pairs).toHaveLength(120);
  expect(forecast.pairs.filter(({ verdict }) => !['conflict', 'unknown'].includes(verdict))).toEqual([]);
});

it('is for the organization alone', async () => {
  const { id } = await begin();
  const other = await signInPerson(site.server);
  for (const one of [id, newId()])
    expect(await other.get(`/repositories/${one}/conflicts`)).toMatchObject({
      ...{ status: 404, body: { code: 'repository/not-found' } },
    });
  expect(await site.foretell(id)).toEqual({ executions: [], truncated: false, pairs: [], clean_pairs: 0 });
});
