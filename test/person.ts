import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { components } from '../src/client/schema.generated.js';
import type { Installation } from './installation.js';
import { git } from './scratch-git.js';

type Schemas = components['schemas'];
export type Task = Schemas['Task'];
export type Execution = Schemas['Execution'];
export type Worker = Schemas['Worker'];

export interface LogLine {
  seq: number;
  level: string;
  stream: string;
  message: string;
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

const LOOK_MS = 100;
const PATIENCE_SECONDS = 40;

/** What fetch says of a server that is not there, or goes away in the middle of its answer. */
const isAway = (error: unknown): boolean => ['fetch failed', 'terminated'].includes((error as Error).message);

let people = 0;

/** Calls the API as whoever holds the token. */
export async function ask(url: string, token: string, method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] };
}

/** Somebody who is signed in and works with the API, in an organization of their own. */
export class Person {
  private constructor(
    private readonly installation: Installation,
    readonly token: string,
  ) {}

  static async signIn(installation: Installation): Promise<Person> {
    people += 1;
    const login = { github_id: 70_000 + people, email: `person${String(people)}@example.com` };
    const { status, body } = await ask(installation.url, '', 'POST', '/auth/mock', login);
    if (status !== 200) throw new Error(`the sign-in was answered with ${String(status)}`);
    return new Person(installation, String(body['access_token']));
  }

  /** Variables of a worker that takes this organization's tasks and no others. */
  get ownWorker(): Record<string, string> {
    return { MIYABI_KEY: this.token, MIYABI_WORKER_SCOPE: 'organization' };
  }

  ask(method: string, path: string, body?: object): Promise<Answer> {
    return ask(this.installation.url, this.token, method, path, body);
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask('GET', path);
    if (status !== 200) throw new Error(`GET ${path} was answered with ${String(status)} ${JSON.stringify(body)}`);
    return body as T;
  }

  async post<T>(path: string, given: object): Promise<T> {
    const { status, body } = await this.ask('POST', path, given);
    if (status >= 300) throw new Error(`POST ${path} was answered with ${String(status)} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Makes a repository with one commit and registers it by its path. */
  async repository(name: string): Promise<{ id: string; path: string }> {
    const path = this.installation.scratch.repository(name);
    writeFileSync(join(path, 'README.md'), `# ${name}\n`);
    git(path, 'add', '--all');
    git(path, 'commit', '--quiet', '--message', 'docs: say what it is');
    const { id } = await this.post<{ id: string }>('/repositories', { local_path: path });
    return { id, path };
  }

  /** Creates a task and gives its id. */
  async create(fields: object): Promise<string> {
    // The mark is the test's own; what is undefined is not sent.
    return (await this.post<Task>('/tasks', { name: 'Do it', ...fields, mark: undefined })).id;
  }

  task(id: string): Promise<Task> {
    return this.get<Task>(`/tasks/${id}`);
  }

  /** Attempts at a task, the first one first. */
  async executions(taskId: string): Promise<Execution[]> {
    return (await this.get<{ items: Execution[] }>(`/executions?task_id=${taskId}`)).items.reverse();
  }

  /** The one attempt at a task. */
  async execution(taskId: string): Promise<Execution> {
    const [execution, ...others] = await this.executions(taskId);
    if (execution === undefined || others.length > 0)
      throw new Error(`the task had ${String(others.length + (execution ? 1 : 0))} attempts`);
    return execution;
  }

  /** The whole log of an execution, read in pages. */
  async log(executionId: string): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    for (let after = -1; ;) {
      const path = `/executions/${executionId}/logs?limit=1000&after=${String(after)}`;
      const page = await this.get<{ items: LogLine[]; next_after: number }>(path);
      lines.push(...page.items);
      if (page.items.length < 1000) return lines;
      after = page.next_after;
    }
  }

  /** What a command wrote, line by line. */
  async output(executionId: string, stream = 'stdout'): Promise<string[]> {
    return (await this.log(executionId)).filter((line) => line.stream === stream).map(({ message }) => message);
  }

  workers(): Promise<Worker[]> {
    return this.get<{ items: Worker[] }>('/workers').then(({ items }) => items);
  }

  /** The task when it has a status; the server may be away in between. */
  taskThatIs(id: string, ...statuses: Task['status'][]): Promise<Task> {
    return this.see(
      () => this.task(id),
      (task) => statuses.includes(task.status),
    );
  }

  /** The task when it has come to an end of any kind. */
  ended(id: string): Promise<Task> {
    return this.taskThatIs(id, 'completed', 'failed', 'cancelled', 'skipped');
  }

  /** The attempt at a task that now runs, once its command has said something. */
  async started(taskId: string, line: string): Promise<Execution> {
    const { current_execution_id: id } = await this.see(
      () => this.task(taskId),
      ({ status, current_execution_id: current }) => status === 'running' && current !== null,
    );
    await this.see(
      () => this.output(String(id)),
      (output) => output.includes(line),
    );
    return this.get<Execution>(`/executions/${String(id)}`);
  }

  /** Looks until it is as expected. A server that is away is looked for again; an answer it should not give is not. */
  async see<T>(look: () => Promise<T> | T, isIt: (seen: T) => boolean): Promise<T> {
    let seen: unknown = 'nothing';
    for (const end = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < end;) {
      try {
        const found = await look();
        if (isIt(found)) return found;
        seen = found;
      } catch (error) {
        if (!isAway(error)) throw error;
        seen = String(error);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(
      `It did not come about; last seen: ${JSON.stringify(seen)?.slice(-2000)}\n${this.installation.report()}`,
    );
  }
}
