import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { components } from '../src/client/schema.generated.js';
import { newId } from '../src/ids.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { commit, git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

type Forecast = components['schemas']['ConflictForecast'];

let server: TestApp;
let scratch: Scratch;
let ada: TestPerson;
let worker: TestWorker;
let counter = 0;

beforeAll(async () => {
  scratch = new Scratch();
  server = await startTestApp({
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
  });
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

/** Git on behalf of a worker; the server runs in this process, so this must not block it. */
async function byWorker(cwd: string, ...args: string[]): Promise<void> {
  const child = spawn('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(said);
}

/** A registered repository, and executions of it that push files. */
async function site(): Promise<{ id: string; running: (files?: Record<string, string>) => Promise<string> }> {
  const source = scratch.repository(`roots/source-${String(counter++)}`, []);
  for (const name of ['one', 'two', 'three']) writeFileSync(join(source, name), `${name}\n`);
  git(source, 'add', '.');
  commit(source, 'feat: first');
  const repository_id = String((await ada.post('/repositories', { local_path: source })).body['id']);
  return {
    id: repository_id,
    running: async (files = {}) => {
      await ada.task({ repository_id, priority: 'P0' });
      const [claimed] = await worker.claim();
      if (claimed === undefined) throw new Error('there was nothing to claim');
      if (Object.keys(files).length === 0) return claimed.execution_id;
      const checkout = join(scratch.path, newId());
      git(scratch.path, 'clone', '-q', source, checkout);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(checkout, name), text);
      git(checkout, 'add', '--all');
      commit(checkout, 'feat: mine');
      const address = server.url.replace('http://', `http://${claimed.execution_id}:${worker.token}@`);
      const to = `${address}/git/${repository_id}.git`;
      await byWorker(checkout, 'push', '-q', to, `HEAD:refs/heads/${claimed.branch}`);
      return claimed.execution_id;
    },
  };
}

async function foretell(id: string): Promise<Forecast> {
  const { status, body } = await ada.get(`/repositories/${id}/conflicts`);
  expect(status).toBe(200);
  return body as unknown as Forecast;
}

/** What is in the folder of objects of a mirror. */
const objectsOf = (id: string): string[] =>
  readdirSync(join(scratch.path, 'mirrors', `${id}.git/objects`), { recursive: true })
    .map(String)
    .sort();

it('running executions that would conflict are told with the files, and nothing of the trial stays', async () => {
  const { id, running } = await site();
  const odd = 'a "b"\n雅';
  const first = await running({ one: 'mine\n', two: 'two\nand mine\n', [odd]: 'x' });
  const second = await running({ one: 'yours\n', [odd]: 'y' });
  const third = await running({ two: 'before\ntwo\n' });
  const fourth = await running({ three: 'apart\n' });
  const fifth = await running();
  const before = objectsOf(id);
  const forecast = await foretell(id);
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
  expect(readdirSync(join(scratch.path, 'mirrors/.views'))).toEqual([]);
  await worker.finish(second, { outcome: 'completed' });
  expect((await foretell(id)).pairs).toHaveLength(1);
});

it('of many executions the newest 16 are looked at, each two of them', async () => {
  const { id, running } = await site();
  const ids: string[] = [];
  for (let at = 0; at < 17; at++) ids.push(await running({ one: `${String(at)}\n` }));
  const began = performance.now();
  const forecast = await foretell(id);
  figure(null, 'foretelling 120 pairs of executions', `${(performance.now() - began).toFixed(0)} ms`);
  expect(forecast.truncated).toBe(true);
  expect(forecast.executions.map((one) => one.execution_id)).toEqual(ids.slice(1).reverse());
  // A machine that is busy may not come to all of them in the time of an answer.
  expect(forecast.pairs).toHaveLength(120);
  expect(forecast.pairs.filter(({ verdict }) => !['conflict', 'unknown'].includes(verdict))).toEqual([]);
});

it('is for the organization alone', async () => {
  const { id } = await site();
  const other = await signInPerson(server);
  for (const one of [id, newId()])
    expect(await other.get(`/repositories/${one}/conflicts`)).toMatchObject({
      ...{ status: 404, body: { code: 'repository/not-found' } },
    });
  expect(await foretell(id)).toEqual({ executions: [], truncated: false, pairs: [], clean_pairs: 0 });
});
