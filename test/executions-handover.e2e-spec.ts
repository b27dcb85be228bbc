import { GitAccess } from '../src/git/git-access.js';
import { BY_HAND, Engine } from './engine.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

interface Brief {
  execution: { id: string; attempt: number };
  task: { id: string };
  base_ref: string | null;
  merge_refs: string[];
  branch: string;
  model: string | null;
  checkpoint: unknown;
  previous: { execution_id: string; branch: string; session_id: string | null } | null;
}

const sha = (digit: string): string => digit.repeat(40);

describe('what attempts leave to the next', () => {
  const scratch = new Scratch();
  let server: TestApp;
  let ada: TestPerson;
  let worker: TestWorker;
  let engine: Engine;

  beforeAll(async () => {
    server = await startTestApp({
      ...BY_HAND,
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.path,
    });
    ada = await signInPerson(server);
    worker = await registerWorker(server);
    engine = new Engine(server, ada);
    await engine.endGrace();
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });
  beforeEach(() => server.sql.query('delete from queue_entries'));

  const progress = (id: string, body: object): Promise<Answer> => worker.post(`/executions/${id}/progress`, body);
  const failed = { outcome: 'failed', failure_reason: 'agent_error' };
  const briefs = async (max = 1): Promise<Brief[]> => {
    const { body } = await worker.post(`/workers/${worker.id}/claim`, { max });
    return body['executions'] as Brief[];
  };
  const brief = async (taskId: string): Promise<Brief> => {
    const [one] = await briefs();
    if (one?.task.id !== taskId) throw new Error('the claim gave another task, or none');
    return one;
  };
  const repository = async (name: string): Promise<string> => {
    const { body } = await ada.post('/repositories', { local_path: scratch.repository(name, ['feat: one']) });
    return String(body['id']);
  };
  /** A task that a worker has completed with a commit, or with none. */
  const done = async (input: object, commit_sha?: string): Promise<{ id: string; branch: string }> => {
    const { task_id: id, execution_id } = await engine.running(worker, input);
    const { body } = await worker.finish(execution_id, { outcome: 'completed', ...(commit_sha && { commit_sha }) });
    return { id, branch: (body['execution'] as { branch: string }).branch };
  };

  it('is nothing at the first attempt', async () => {
    const id = await engine.task();
    expect(await brief(id)).toMatchObject({
      model: null,
      checkpoint: null,
      previous: null,
      merge_refs: [],
      base_ref: null,
    });
  });

  it('is the last checkpoint, kept to the letter', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_retries: 9 });
    const checkpoint = { constructor: { __proto__x: [1, null, 'ü'] }, hasOwnProperty: 0.1 };
    await progress(execution_id, { checkpoint: { step: 1 } });
    expect((await progress(execution_id, { checkpoint })).status).toBe(200);
    await progress(execution_id, { message: 'no checkpoint here' });
    await worker.finish(execution_id, failed);
    const second = await brief(task_id);
    expect(second.checkpoint).toEqual(checkpoint);
    // One that tells none leaves the one before it.
    await worker.finish(second.execution.id, failed);
    const third = await brief(task_id);
    expect(third.checkpoint).toEqual(checkpoint);
    for (const value of [[1, 'two'], 'text', 7, false]) await progress(third.execution.id, { checkpoint: value });
    await worker.finish(third.execution.id, failed);
    const fourth = await brief(task_id);
    expect(fourth.checkpoint).toBe(false);
    await progress(fourth.execution.id, { checkpoint: null });
    await worker.finish(fourth.execution.id, failed);
    expect((await brief(task_id)).checkpoint).toBeNull();
  });

  it('is no checkpoint of more than 256 KiB, and none of an attempt that is over', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_retries: 9 });
    // Two bytes for each letter, and two quotes.
    const fits = 'ü'.repeat(128 * 1024 - 1);
    const over = await progress(execution_id, { checkpoint: `${fits}ü` });
    expect([over.status, over.body['errors']]).toEqual([
      400,
      [{ field: 'checkpoint', message: 'checkpoint must have at most 262144 bytes as JSON text' }],
    ]);
    expect((await progress(execution_id, { checkpoint: fits })).status).toBe(200);
    await engine.lose(execution_id);
    expect((await progress(execution_id, { checkpoint: 'late' })).body['code']).toBe('execution/lease-lost');
    const { checkpoint, execution } = await brief(task_id);
    expect(checkpoint === fits).toBe(true);
    await worker.finish(execution.id, { outcome: 'completed' });
  });

  it('is the branch of the last one that pushed or told a session, also when its worker was lost', async () => {
    const git = server.app.get(GitAccess);
    const { task_id, execution_id } = await engine.running(worker, { max_retries: 9 });
    await progress(execution_id, { session_id: 'session-1' });
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({ session_id: 'session-1' });
    await git.notePush(execution_id, sha('a'));
    await engine.lose(execution_id);
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({
      status: 'failed',
      commit_sha: sha('a'),
      session_id: 'session-1',
    });
    // A fact that comes after the end changes nothing.
    await git.notePush(execution_id, sha('b'));
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({ commit_sha: sha('a') });
    const second = await brief(task_id);
    const branch = second.branch.replace(/-a2$/, '-a1');
    const previous = { execution_id, branch, session_id: 'session-1', usage: null };
    expect(second.previous).toEqual(previous);
    await worker.finish(second.execution.id, failed);
    const third = await brief(task_id);
    expect(third.previous).toEqual(previous);
    await worker.finish(third.execution.id, { ...failed, branch: 'topic/of-its-own', commit_sha: sha('c') });
    const fourth = await brief(task_id);
    expect(fourth.previous).toEqual({
      execution_id: third.execution.id,
      branch: 'topic/of-its-own',
      session_id: null,
      usage: null,
    });
    await worker.finish(fourth.execution.id, { outcome: 'completed', session_id: 'session-4' });
    expect((await ada.get(`/executions/${fourth.execution.id}`)).body).toMatchObject({ session_id: 'session-4' });
  });

  it('keeps what was pushed when the end names no commit', async () => {
    const { execution_id } = await engine.running(worker);
    await server.app.get(GitAccess).notePush(execution_id, sha('d'));
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({ commit_sha: sha('d') });
    const { body } = await worker.finish(execution_id, { outcome: 'completed' });
    expect(body['execution']).toMatchObject({ commit_sha: sha('d') });
  });

  it('are the branches of the dependencies in the same repository, in their order, unless the task says where to start', async () => {
    const [here, there] = [await repository('here'), await repository('there')];
    const one = await done({ repository_id: here, name: 'one' }, sha('1'));
    const two = await done({ repository_id: here, name: 'two' }, sha('2'));
    const other = await done({ repository_id: there, name: 'other' }, sha('3'));
    const idle = await done({ repository_id: here, name: 'idle' });
    const nowhere = await done({ name: 'nowhere' }, sha('4'));
    const depends_on = [two.id, other.id, idle.id, one.id, nowhere.id];
    const id = await engine.task({ repository_id: here, depends_on });
    expect(await brief(id)).toMatchObject({ base_ref: 'main', merge_refs: [two.branch, one.branch] });
    const based = await engine.task({ repository_id: here, depends_on, base_ref: 'v1' });
    expect(await brief(based)).toMatchObject({ base_ref: 'v1', merge_refs: [] });
    const homeless = await engine.task({ depends_on });
    expect(await brief(homeless)).toMatchObject({ base_ref: null, merge_refs: [] });
  });

  it('is of the last attempt of a dependency: what an earlier one pushed was given up', async () => {
    const repository_id = await repository('twice');
    const { task_id, execution_id } = await engine.running(worker, { repository_id });
    await worker.finish(execution_id, { ...failed, commit_sha: sha('5') });
    const second = await brief(task_id);
    await worker.finish(second.execution.id, { outcome: 'completed', commit_sha: sha('6') });
    const id = await engine.task({ repository_id, depends_on: [task_id] });
    expect((await brief(id)).merge_refs).toEqual([second.branch]);
  });

  it('comes with the model that the task wants, when that is one', async () => {
    const modelOf = async (model: unknown): Promise<unknown> =>
      (await brief(await engine.task({ metadata: { model } }))).model;
    expect(await modelOf('example-model-1')).toBe('example-model-1');
    for (const none of ['', 'm'.repeat(101), 7, null, { name: 'm' }]) expect(await modelOf(none)).toBeNull();
  });

  it('is looked up for a hundred at once with a handful of statements', async () => {
    for (let at = 0; at < 101; at++) await engine.task({ metadata: { model: 'm' }, priority: at === 0 ? 'P0' : 'P2' });
    const statements = async (max: number): Promise<[number, number]> => {
      let count = 0;
      const query = server.database.query.bind(server.database);
      server.database.query = (...given) => {
        count += 1;
        return query(...given);
      };
      const got = (await briefs(max)).length;
      Reflect.deleteProperty(server.database, 'query');
      return [got, count];
    };
    const [one] = await statements(1);
    const roomy = await server.sql.query('update workers set capacity = 256 where id = $1', [worker.id]);
    expect(roomy.rowCount).toBe(1);
    // Sweeps and look-ups of the token may come in between.
    const [hundred, many] = await statements(100);
    expect([one, hundred]).toEqual([1, 100]);
    expect(many).toBeLessThan(15);
  });

  it('is told with the end, and read with the execution', async () => {
    const { execution_id } = await engine.running(worker);
    const { body } = await worker.finish(execution_id, {
      outcome: 'completed',
      model: 'example-model-1',
      quality_score: 92,
      pull_request_number: 17,
      branch: 'topic',
      commit_sha: sha('e'),
      base_sha: sha('f'),
    });
    const told = {
      model: 'example-model-1',
      quality_score: 92,
      pull_request_number: 17,
      pull_request_url: null,
      branch: 'topic',
      commit_sha: sha('e'),
      base_sha: sha('f'),
      usage: null,
    };
    expect(body['execution']).toMatchObject(told);
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject(told);
  });

  it('is refused when it makes no sense', async () => {
    const { execution_id } = await engine.running(worker);
    const bad = [
      { quality_score: 101 },
      { quality_score: -1 },
      { pull_request_number: 0 },
      { session_id: '' },
      { session_id: 's'.repeat(256) },
      { model: 'm'.repeat(101) },
      { branch: '-x' },
      { branch: 'a b' },
      { usage: { input_tokens: 0.5 } },
    ];
    for (const fields of bad)
      expect([fields, (await worker.finish(execution_id, { outcome: 'completed', ...fields })).status]).toEqual([
        fields,
        400,
      ]);
    await worker.finish(execution_id, { outcome: 'completed' });
  });

  it('lists by status, task, agent, worker and repository', async () => {
    const repository_id = await repository('listed');
    const { id } = await done({ repository_id }, sha('7'));
    const found = async (query: string): Promise<string[]> =>
      ((await ada.get(`/executions?${query}`)).body.items as { task_id: string }[]).map((one) => one.task_id);
    expect(await found(`repository_id=${repository_id}`)).toEqual([id]);
    expect(await found(`repository_id=${repository_id}&status=failed`)).toEqual([]);
    expect(await found(`task_id=${id}&agent_type=note&worker_id=${worker.id}&status=failed&status=completed`)).toEqual([
      id,
    ]);
    expect(await found(`task_id=${id}&agent_type=codegen`)).toEqual([]);
  });
});
