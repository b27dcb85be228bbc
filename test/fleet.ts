import { REGISTRATION_KEY, type TestApp } from './test-app.js';

/** Any JSON answer; tests say by their assertions what must be in it. */
export interface Answer {
  status: number;
  body: Record<string, unknown> & { items?: unknown };
}

export interface TestWorker {
  id: string;
  token: string;
  post(path: string, body: object): Promise<Answer>;
  /** Ids of the executions a claim gave, with their tasks. */
  claim(body?: object): Promise<{ execution_id: string; task_id: string; branch: string; name: string }[]>;
  finish(executionId: string, body: object): Promise<Answer>;
  beat(executionIds: readonly string[]): Promise<Answer>;
}

interface ClaimAnswer {
  executions: { execution: { id: string }; task: { id: string; name: string }; branch: string }[];
}

/** A worker that speaks the protocol by hand: of the instance, or with a person's token of their organization. */
export async function registerWorker(
  server: TestApp,
  description: object = {},
  key = REGISTRATION_KEY,
): Promise<TestWorker> {
  const answer = await server.request
    .post('/api/v1/workers')
    .set('Authorization', `Bearer ${key}`)
    .send({
      name: `worker-${Math.random().toString(36).slice(2, 10)}`,
      scope: key === REGISTRATION_KEY ? 'instance' : 'organization',
      capacity: 100,
      ...description,
    });
  if (answer.status > 201) throw new Error(`registration was answered with ${String(answer.status)} ${answer.text}`);
  const { worker, token } = answer.body as { worker: { id: string }; token: string };
  const post = async (path: string, body: object): Promise<Answer> => {
    const { status, body: json } = await server.request
      .post(`/api/v1${path}`)
      .set('Authorization', `Bearer ${token}`)
      .send(body);
    return { status, body: json as Answer['body'] };
  };
  return {
    id: worker.id,
    token,
    post,
    claim: async (body = {}) => {
      const claimed = await post(`/workers/${worker.id}/claim`, body);
      if (claimed.status !== 200) throw new Error(`claim was answered with ${String(claimed.status)}`);
      return (claimed.body as unknown as ClaimAnswer).executions.map(({ execution, task, branch }) => ({
        execution_id: execution.id,
        task_id: task.id,
        branch,
        name: task.name,
      }));
    },
    finish: (executionId, body) => post(`/executions/${executionId}/finish`, body),
    beat: (executionIds) => post(`/workers/${worker.id}/heartbeat`, { executions: executionIds.map((id) => ({ id })) }),
  };
}

/** A signed-in person who calls the API. */
export interface TestPerson {
  organization_id: string;
  token: string;
  get(path: string): Promise<Answer>;
  post(path: string, body?: object): Promise<Answer>;
  patch(path: string, body: object, headers?: Record<string, string>): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  /** Creates a task of the type `note` and gives its id. */
  task(fields?: object): Promise<string>;
}

let people = 0;

export async function signInPerson(server: TestApp): Promise<TestPerson> {
  people += 1;
  const login = await server.request
    .post('/api/v1/auth/mock')
    .send({ github_id: 1000 + people, email: `person-${String(people)}@example.org` });
  const { access_token } = login.body as { access_token: string };
  type Method = 'get' | 'post' | 'patch' | 'delete';
  const call = async (method: Method, path: string, body?: object, headers: Record<string, string> = {}) => {
    const request = server.request[method](`/api/v1${path}`).set({
      Authorization: `Bearer ${access_token}`,
      ...headers,
    });
    const { status, body: json } = await (body === undefined ? request : request.send(body));
    return { status, body: json as Answer['body'] };
  };
  const me = await call('get', '/auth/me');
  return {
    organization_id: (me.body as unknown as { organization: { id: string } }).organization.id,
    token: access_token,
    get: (path) => call('get', path),
    post: (path, body) => call('post', path, body),
    patch: (path, body, headers) => call('patch', path, body, headers),
    delete: (path) => call('delete', path),
    task: async (fields = {}) => {
      const created = await call('post', '/tasks', { name: 'Do it', agent_type: 'note', ...fields });
      if (created.status !== 201) throw new Error(`a task was refused: ${JSON.stringify(created.body)}`);
      return String(created.body['id']);
    },
  };
}
