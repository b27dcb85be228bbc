import { randomBytes } from 'node:crypto';
import { Browser } from './browser.js';
import { operations, placesIn, type DocumentedOperation } from './document-operations.js';
import { filledId, KIND } from './filled-database.js';
import type { Parameter } from './request-fuzzer.js';
import { newId } from '../src/ids.js';
import type { TestApp } from './test-app.js';
import { send, type Reply, type Site } from './verify-site.js';

/** The number of a repository, a worker, a task and an execution of the organization that is asked. */
const OWN = 97;
/** A task of it that is blocked. */
const BLOCKED = 116;

/** What stands in paths and queries: things of the filled data, and texts that nothing has, so that the search is long. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  tasks: [filledId(KIND.task, OWN)],
  executions: [filledId(KIND.execution, OWN)],
  workers: [filledId(KIND.worker, OWN)],
  coordinators: [filledId(KIND.coordinator, OWN)],
  agents: ['codegen-agent'],
  repositories: [filledId(KIND.repository, OWN)],
  deployments: [filledId(KIND.deployment, OWN)],
  environment: ['production', 'nowhere'],
  task_id: [filledId(KIND.task, OWN)],
  worker_id: [filledId(KIND.worker, OWN)],
  repository_id: [filledId(KIND.repository, OWN)],
  subject: [filledId(KIND.repository, OWN)],
  actor: [filledId(KIND.user, OWN + 1), 'user-98', 'nobody'],
  agent_type: ['note', 'nothing'],
  issue_number: ['97', '1234567'],
  label: ['gpu', 'nowhere'],
  coordinator_id: [filledId(KIND.coordinator, OWN)],
  q: ['nowhere'],
};

/** Read what git knows, and of the database what `GET /repositories` reads or what is visited by itself. */
const LEFT_OUT = [
  ...['branchesList', 'commitsList', 'commitsGet', 'logsList', 'deploymentsList', 'deploymentsCompare'],
  'conflictsForetell',
];

/** Calls the API as the owner of an organization. */
export class RouteVisits {
  constructor(
    private readonly server: TestApp,
    private readonly site: Site,
  ) {}

  /** Reads every list and every thing: with nothing, with each value of each filter alone, and the page behind the first. */
  async read(): Promise<void> {
    for (const operation of operations) {
      if (operation.method !== 'GET' || operation.demand === 'public' || LEFT_OUT.includes(operation.id)) continue;
      const path = this.address(operation);
      const parameters = (operation.operation.parameters ?? []).filter(({ in: place }) => place === 'query');
      const queries = parameters.flatMap((parameter) =>
        valuesOf(parameter).map((value) => ({ [parameter.name]: value })),
      );
      for (const query of [{}, ...queries]) await this.page(path, query);
      // What takes an order beside the usual one takes every filter in it.
      if (parameters.some(({ name }) => name === 'order'))
        for (const query of queries) await this.page(path, { ...query, order: 'queue' });
    }
  }

  /** Looks for tasks to act on, by each of the filters. */
  async rehearseActions(): Promise<void> {
    const list = operations.find(({ id }) => id === 'tasksList');
    const filters = (list?.operation.parameters ?? []).filter(
      ({ name }) => !['limit', 'cursor', 'order'].includes(name),
    );
    for (const parameter of filters)
      for (const value of valuesOf(parameter)) {
        const given = { array: [value], integer: Number(value) }[String(parameter.schema['type'])] ?? value;
        await this.call('POST', '/tasks/actions', {
          action: 'cancel',
          dry_run: true,
          filter: { [parameter.name]: given },
        });
      }
    const ids = [filledId(KIND.task, OWN), filledId(KIND.task, BLOCKED)];
    for (const action of ['cancel', 'retry', 'delete'])
      await this.call('POST', '/tasks/actions', { action, dry_run: true, ids });
  }

  /** The life of tasks that have a key, wait for each other, are changed, claimed, cancelled and lost. */
  async work(): Promise<void> {
    const { token, id } = await this.site.worker('visits');
    const keyed = { name: 'keyed', agent_type: 'note', concurrency_key: 'visits', priority: 'P0' };
    const [first, second, third] = [await this.task(keyed), await this.task(keyed), await this.task(keyed)];
    await this.call('PATCH', `/tasks/${second}`, { priority: 'P1' });
    await this.call('PATCH', `/tasks/${first}`, { priority: 'P1', description: null, required_labels: ['visits'] });
    await this.call('GET', `/tasks/${third}/explain`);
    await this.call('POST', `/tasks/${first}/cancel`, {});
    await this.call('POST', `/tasks/${third}/cancel`, {});
    await this.call('POST', `/tasks/${second}/start`, {});
    await this.call('POST', `/tasks/${second}/complete`, {});
    const needed = await this.task({ name: 'needed', agent_type: 'note', priority: 'P0' });
    const waiting = await this.task({ name: 'waiting', agent_type: 'note', depends_on: [needed] });
    await this.call('POST', `/tasks/${needed}/dependencies`, { depends_on_task_id: waiting }, 409);
    await this.call('POST', `/tasks/${needed}/cancel`, {});
    await this.call('POST', `/tasks/${needed}/retry`, {});
    await this.call('GET', `/tasks/${waiting}/explain`);
    await this.call('PATCH', '/agents/note', { max_concurrent: 10_000 });
    for (const request_key of ['visits', 'visits', undefined]) {
      const claim = { max: 100, request_key };
      const { json } = await send(this.server, token, 'POST', `/api/v1/workers/${id}/claim`, claim);
      const [claimed, other] = json['executions'] as { task: { id: string }; execution: { id: string } }[];
      if (claimed !== undefined) await this.call('POST', `/tasks/${claimed.task.id}/cancel`, {});
      const limited = { outcome: 'failed', failure_reason: 'rate_limited' };
      if (other !== undefined)
        await send(this.server, token, 'POST', `/api/v1/executions/${other.execution.id}/finish`, limited);
    }
    await this.call('PATCH', `/repositories/${filledId(KIND.repository, OWN)}`, { default_agent_type: 'note' });
    const name = `visited ${newId()}`;
    await this.call('POST', '/workers', { name });
    await this.call('POST', '/workers', { name, replace: true, labels: ['visits'] });
    await this.call('POST', '/fleet/pause', {});
    await this.call('POST', '/fleet/resume', {});
  }

  /** Sends the same twice with a key, also where the effect reaches beyond the database, and where it fails. */
  async repeat(): Promise<void> {
    for (const path of ['/tasks', '/repositories'])
      for (let round = 0; round < 2; round += 1)
        await this.call('POST', path, { name: 'once', agent_type: 'note', local_path: '/nowhere' }, null, {
          'Idempotency-Key': 'visits',
        });
    await this.call('POST', '/tasks', { name: 'once', agent_type: 'note' }, null, { 'Idempotency-Key': 'visits once' });
  }

  /** Signs people in through GitHub: new, known without it, and with a login that another one had. */
  async signIn(github: { person: { id: string; login: string } }): Promise<void> {
    const known = await this.site.join('viewer');
    for (const person of [
      { id: '7000001', login: `octocat-${randomBytes(4).toString('hex')}` },
      { id: known.user.github_id, login: known.user.login },
    ]) {
      github.person = person;
      const answer = await new Browser(this.server.url).signIn('/tasks');
      if (answer.status !== 302) throw new Error(`the callback answered ${String(answer.status)}`);
    }
    const { refresh_token, access_token } = await this.site.join('viewer');
    for (let round = 0; round < 2; round += 1)
      await send(this.server, null, 'POST', '/api/v1/auth/refresh', { refresh_token });
    await send(this.server, access_token, 'POST', '/api/v1/auth/logout', { everywhere: true });
  }

  private async page(path: string, query: Record<string, string>): Promise<void> {
    const { json } = await this.call('GET', `${path}?${new URLSearchParams(query).toString()}`, undefined, null);
    const { next_cursor } = json;
    if (typeof next_cursor !== 'string') return;
    const rest = new URLSearchParams({ ...query, cursor: next_cursor });
    await this.call('GET', `${path}?${rest.toString()}`, undefined, null);
  }

  private async task(fields: object): Promise<string> {
    const { json } = await this.call('POST', '/tasks', fields, 201);
    return String(json['id']);
  }

  /** Any status below 400 will do unless one is named; null is whatever is not a fault of the server. */
  private async call(
    method: string,
    path: string,
    body?: object,
    expected?: number | null,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const { access_token } = await this.site.person('owner');
    const reply = await send(this.server, access_token, method, `/api/v1${path}`, body, headers);
    const good =
      expected === null ? reply.status < 500 : expected === undefined ? reply.status < 400 : reply.status === expected;
    if (!good) throw new Error(`${method} ${path} was answered with ${String(reply.status)} ${reply.text}`);
    return reply;
  }

  private address({ path }: DocumentedOperation): string {
    return placesIn(path)
      .reduce(
        (filled, { name, noun }) =>
          filled.replace(
            `{${name}}`,
            noun === 'organizations' ? this.site.organization_id : (VALUES[noun]?.[0] ?? newId()),
          ),
        path,
      )
      .replace('/api/v1', '');
  }
}

/** What a parameter is tried with: each of its words, or what is said of it above. */
function valuesOf({ name, schema }: Parameter): readonly string[] {
  const { enum: words, items, format } = schema as { enum?: string[]; items?: { enum?: string[] }; format?: string };
  const listed = VALUES[name] ?? words ?? items?.enum;
  if (listed !== undefined) return listed;
  return format === 'date-time' ? [new Date(Date.now() - 86_400_000).toISOString()] : [];
}
