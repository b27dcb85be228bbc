// The README's tour in its essence, over HTTP as a person would take it.
import { setTimeout as sleep } from 'node:timers/promises';

const TASK_WITHIN_MS = 60_000;

export class Tour {
  #url;
  #token = '';
  #repositoryId = '';
  #taskId = '';
  #endlessId = '';

  /** @param {string} url of the server */
  constructor(url) {
    this.#url = url;
  }

  /**
   * Sign in, register a repository, have a command run in it, read its log, see its commit.
   * @param {string} repository a path
   */
  async take(repository) {
    await this.signIn();
    const registered = await this.#call('POST', '/repositories', { local_path: repository });
    this.#repositoryId = registered.id;
    const script = 'echo "hello from the tour"; echo made > made-by-the-tour.txt';
    const task = await this.#create('Make a file', 'script', { command: ['sh', '-c', script] });
    this.#taskId = task.id;
    const done = await this.#untilFinal(task.id);
    if (done.status !== 'completed') throw new Error(`the task is ${done.status}: ${JSON.stringify(done)}`);

    const { execution, lines } = await this.#logOf(task.id);
    if (!lines.some(({ message }) => message.includes('hello from the tour'))) {
      throw new Error(`the log has no line of the command: ${JSON.stringify(lines)}`);
    }
    const { items: commits } = await this.#call('GET', `/logs?repository_id=${this.#repositoryId}`);
    if (!commits.some(({ commit_sha }) => commit_sha === execution.commit_sha)) {
      throw new Error(`no commit ${execution.commit_sha} in ${JSON.stringify(commits)}`);
    }
  }

  async signIn() {
    const body = { github_id: 4242, email: 'stranger@example.com', name: 'Stranger' };
    this.#token = (await this.#call('POST', '/auth/mock', body)).access_token;
  }

  /** Something for the end of the system to end: a command that does not listen to SIGTERM, and its child. */
  async leaveRunning() {
    const script = 'trap "" TERM; (setsid sleep 3600 &); echo "at work"; sleep 3601';
    const { id } = await this.#create('Run for ever', 'script', { command: ['sh', '-c', script] });
    this.#endlessId = id;
    const isAtWork = async () => (await this.#logOf(id)).lines.some(({ message }) => message.includes('at work'));
    await until(isAtWork, 'the task to run');
  }

  /** What the tour made has survived. */
  async findAgain() {
    await this.signIn();
    const { status } = await this.#call('GET', `/tasks/${this.#taskId}`);
    if (status !== 'completed') throw new Error(`the task of the tour is now ${status}`);
  }

  /** Has the local workers finish and stop. */
  async drainWorkers() {
    // Those of before were killed: what drains them does not reach their successors, which begin anew.
    const { id: first } = await this.#create('Show that they are back', 'script', { command: ['true'] });
    await this.#untilFinal(first);
    await this.#call('POST', `/tasks/${this.#endlessId}/cancel`, {});
    const [{ id }] = (await this.#call('GET', '/coordinators')).items;
    await this.#call('POST', `/coordinators/${id}/drain`, {});
    const hasStopped = async () => (await this.#call('GET', `/coordinators/${id}`)).status === 'stopped';
    await until(hasStopped, 'the workers to stop');
  }

  #create(name, agent_type, metadata) {
    return this.#call('POST', '/tasks', { name, agent_type, metadata, repository_id: this.#repositoryId });
  }

  async #logOf(taskId) {
    const [execution] = (await this.#call('GET', `/executions?task_id=${taskId}`)).items;
    const lines = execution ? (await this.#call('GET', `/executions/${execution.id}/logs`)).items : [];
    return { execution, lines };
  }

  async #untilFinal(id) {
    let task;
    await until(async () => {
      task = await this.#call('GET', `/tasks/${id}?wait_seconds=10&until=final`);
      return !['blocked', 'pending', 'running'].includes(task.status);
    }, `the end of task ${id}`).catch(async (error) => {
      const explained = await this.#call('GET', `/tasks/${id}/explain`);
      throw new Error(`${error.message}: ${JSON.stringify(explained)}`);
    });
    return task;
  }

  async #call(method, path, body) {
    const answer = await fetch(`${this.#url}/api/v1${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(this.#token ? { Authorization: `Bearer ${this.#token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return JSON.parse(text);
  }
}

async function until(holds, what) {
  for (const deadline = Date.now() + TASK_WITHIN_MS; Date.now() < deadline; await sleep(100)) {
    if (await holds()) return;
  }
  throw new Error(`waited ${TASK_WITHIN_MS / 1000} s for ${what}`);
}
