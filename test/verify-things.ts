import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/ids.js';
import { bodyFor, operations, placesIn, type DocumentedOperation } from './document-operations.js';
import { eventually } from './eventually.js';
import { git, type Scratch } from './scratch-git.js';
import { once, send, Site } from './verify-site.js';
import { signIn } from './sign-in.js';
import type { CallerName } from './verify-callers.js';
import { ROLE_PERMISSIONS, ROLES, type Role } from '../src/auth/permissions.js';

/** A tag of every repository that is made here. */
const VERSION = 'v1.0.0';

/** Makes the things that paths and bodies name, for the organization of a site. */
export class Things {
  private readonly known = new Map<string, Promise<string>>();
  private readonly repository: string;

  constructor(private readonly scratch: Scratch) {
    this.repository = scratch.repository('template');
    git(this.repository, 'tag', VERSION);
  }

  /** The path of the operation with ids of things of the site; with those that the request may use up made for it. */
  async address(operation: DocumentedOperation, site: Site, caller: CallerName, mayUseUp = false): Promise<string> {
    let path = operation.path;
    for (const { name, noun } of placesIn(operation.path)) {
      const collection = path.slice(0, path.indexOf(`/{${name}}`));
      // Workers and coordinators speak for themselves alone.
      let id =
        noun === 'workers' && operation.demand === 'worker'
          ? (await site.worker()).id
          : noun === 'coordinators' && (operation.demand === 'coordinator' || caller.startsWith('coordinator'))
            ? (await site.coordinator()).id
            : await this.find(noun, collection, site, ownerOf(noun, caller), mayUseUp && isUsedUp(operation, noun));
      const wanted = WANTED_STATES[operation.id];
      if (mayUseUp && noun === 'tasks' && wanted) id = await this.taskThat(wanted, site);
      if (operation.id === 'executionsDiff')
        id = await once(this.known, `${site.organization_id} commit`, () => this.withCommit(site));
      if (operation.id === 'repositoriesSetCredentials')
        id = await once(this.known, `${site.organization_id} private`, () => this.privateRepository(site));
      path = path.replace(`{${name}}`, id);
    }
    return path;
  }

  /** A task after something has been done to it. */
  private async taskThat(wanted: string, site: Site): Promise<string> {
    const id = await this.create('tasks', '/api/v1/tasks', site, 'owner', {});
    const { access_token } = await site.person('owner');
    const { status, text } = await send(site.server, access_token, 'POST', `/api/v1/tasks/${id}/${wanted}`, {});
    if (status !== 200) throw new Error(`a task was not prepared by ${wanted}: ${String(status)} ${text}`);
    return id;
  }

  /** The path with ids of nothing at all. */
  nowhere(operation: DocumentedOperation): string {
    const nothing = (name: string): string => (name === 'sha' ? 'f'.repeat(40) : newId());
    return placesIn(operation.path).reduce(
      (path, { name }) => path.replace(`{${name}}`, nothing(name)),
      operation.path,
    );
  }

  /** Id of a thing that the site has: of `tasks`, one of its tasks. `owner` is whose it is, where that matters. */
  find(noun: string, collection: string, site: Site, owner: Role, fresh = false): Promise<string> {
    const make = () => this.make(noun, collection, site, owner);
    return fresh ? make() : once(this.known, `${site.organization_id} ${collection} ${owner}`, make);
  }

  /** A repository of the site with a version of it. */
  async release(site: Site): Promise<{ repository_id: string; version: string }> {
    const repository_id = await this.find('repositories', '/api/v1/repositories', site, 'owner');
    return { repository_id, version: VERSION };
  }

  /** A local repository that nobody has registered yet. */
  localPath(): string {
    const path = join(this.scratch.path, newId());
    cpSync(this.repository, path, { recursive: true });
    return path;
  }

  private async make(noun: string, collection: string, site: Site, owner: Role): Promise<string> {
    switch (noun) {
      case 'agents':
        return 'codegen-agent';
      case 'organizations':
        return site.organization_id;
      case 'limits':
        return this.limit(site);
      case 'executions':
        return this.claim(site);
      case 'commits':
        await this.fetched(site, collection.split('/').at(-2) ?? '');
        return git(this.repository, 'rev-parse', 'HEAD');
      case 'members':
        return (await site.join('member')).user.id;
      case 'dependencies':
        return this.depend(collection, site);
      case 'sessions':
        return secondSession(site, owner);
      case 'invitations':
        return collection.includes('organizations')
          ? this.invite(site)
          : this.invite(await Site.found(site.server), (await site.person(owner)).user.login);
      case 'worktrees':
        return this.worktree(site);
      case 'deployments':
        return this.create(noun, collection, site, 'owner', await this.release(site));
      case 'repositories':
        return this.create(noun, collection, site, 'owner', { local_path: this.localPath() });
      default:
        return this.create(noun, collection, site, owner, {});
    }
  }

  /** A repository whose host may ask who fetches; nobody answers at its address. */
  private privateRepository(site: Site): Promise<string> {
    const clone_url = 'https://no.such.host.invalid/private.git';
    return this.create('repositories', '/api/v1/repositories', site, 'owner', { clone_url });
  }

  /** A linked work tree of the repository of the site. */
  private async worktree(site: Site): Promise<string> {
    const repository_id = await this.find('repositories', '/api/v1/repositories', site, 'owner');
    const { access_token } = await site.person('owner');
    const { json } = await send(site.server, access_token, 'GET', `/api/v1/repositories/${repository_id}`);
    const path = join(this.scratch.path, `worktree-${newId()}`);
    git(String(json['local_path']), 'worktree', 'add', '-q', '--detach', path);
    // The newest of those that are made at the same time; the many before them would be looked through each time.
    const address = `/api/v1/worktrees?limit=10&repository_id=${repository_id}`;
    let list = await send(site.server, access_token, 'GET', address);
    // A machine that is busy enough is no fault of the list.
    for (let turn = 0; list.status === 503 && turn < 10; turn += 1)
      list = await send(site.server, access_token, 'GET', address);
    if (list.status !== 200) throw new Error(`worktrees were not listed: ${list.text}`);
    const found = (list.json['items'] as { id: string; path: string }[]).find((one) => one.path === path);
    if (found === undefined) throw new Error(`a worktree was not listed: ${list.text}`);
    return found.id;
  }

  /** What the document says one posts to the collection. */
  private async create(noun: string, collection: string, site: Site, by: Role, fields: object): Promise<string> {
    const operation = operations.find(({ method, path }) => method === 'POST' && isTemplateOf(path, collection));
    if (operation === undefined) throw new Error(`nothing makes ${noun}: say how in test/verify-things.ts`);
    const body = { ...(bodyFor(operation) as object), ...fields };
    if ('name' in body) body.name = `${noun} ${newId()}`;
    const { access_token } = await site.person(by);
    const { status, text, json } = await send(site.server, access_token, 'POST', collection, body);
    const id = json['id'] ?? Object.values(json).map((part) => (part as { id?: unknown } | null)?.id)[0];
    if (status !== 201 || typeof id !== 'string')
      throw new Error(`none of ${noun} was made: ${String(status)} ${text}; say how in test/verify-things.ts`);
    return id;
  }

  /** A task that the one of the collection depends on. */
  private async depend(collection: string, site: Site): Promise<string> {
    const id = await this.create('tasks', '/api/v1/tasks', site, 'owner', {});
    await this.create('dependencies', collection, site, 'owner', { depends_on_task_id: id });
    return id;
  }

  /** An invitation into the site, of nobody in particular unless it is said. */
  private invite(site: Site, login = `nobody-${newId().slice(-12)}`): Promise<string> {
    const collection = `/api/v1/organizations/${site.organization_id}/members`;
    return this.create('invitations', collection, site, 'owner', { login, role: 'member' });
  }

  /** A running execution of the site's worker. */
  private async claim(site: Site): Promise<string> {
    const { id, token } = await site.worker();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await this.create('tasks', '/api/v1/tasks', site, 'owner', { agent_type: 'note', priority: 'P0' });
      const { json } = await send(site.server, token, 'POST', `/api/v1/workers/${id}/claim`, { max: 1 });
      const [claimed] = json['executions'] as { execution: { id: string } }[];
      // A claim that is tried out at the same time may have been faster.
      if (claimed !== undefined) return claimed.execution.id;
    }
    throw new Error('there was nothing to claim');
  }

  /** A provider limit that holds. */
  private async limit(site: Site): Promise<string> {
    const id = newId();
    await site.server.sql.query(
      `insert into provider_limits (id, organization_id, launcher, account, reason, until, reported_by)
       values ($1, $2, 'claude', $3, 'quota', now() + interval '1 day', $1)`,
      [id, site.organization_id, `account ${id}`],
    );
    return id;
  }

  private async fetched(site: Site, repository_id: string): Promise<void> {
    const { access_token } = await site.person('owner');
    await eventually('the repository was fetched', async () => {
      const { json } = await send(site.server, access_token, 'GET', `/api/v1/repositories/${repository_id}`);
      return json['status'] === 'ready';
    });
  }

  /** An execution whose work is a commit of its repository. */
  private async withCommit(site: Site): Promise<string> {
    const repository_id = await this.find('repositories', '/api/v1/repositories', site, 'owner');
    const { access_token } = await site.person('owner');
    await this.fetched(site, repository_id);
    const task = await this.create('tasks', '/api/v1/tasks', site, 'owner', { repository_id });
    const { json } = await send(site.server, access_token, 'POST', `/api/v1/tasks/${task}/start`, {});
    const id = String(json['current_execution_id']);
    const commit = git(this.repository, 'rev-parse', 'HEAD');
    await site.server.sql.query('update agent_executions set commit_sha = $2 where id = $1', [id, commit]);
    return id;
  }
}

/** What must have been done to the task that an operation is tried with. */
const WANTED_STATES: Readonly<Record<string, 'start' | 'cancel'>> = {
  outsideWorkComplete: 'start',
  outsideWorkFail: 'start',
  tasksRetry: 'cancel',
};

/** Things that a person has for themselves; what others have is made by an owner. */
const PERSONAL_NOUNS = new Set(['sessions', 'invitations', 'api-keys']);

/** Whose the thing must be for the caller to have it. */
function ownerOf(noun: string, caller: CallerName): Role {
  const role = ROLES.find((one) => one === caller);
  if (role === undefined || !PERSONAL_NOUNS.has(noun)) return 'owner';
  return noun === 'api-keys' && !ROLE_PERMISSIONS[role].includes('keys.manage') ? 'owner' : role;
}

/** Another session of the person with the role. */
async function secondSession(site: Site, role: Role): Promise<string> {
  const { user } = await site.person(role);
  const { access_token } = await signIn(site.server, Number(user.github_id));
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as { sid: string };
  return claims.sid;
}

/** Whether another request may not find the thing as it was. Repositories are dear, and only deleting ends them. */
const isUsedUp = ({ method }: DocumentedOperation, noun: string): boolean =>
  method === 'DELETE' || (method !== 'GET' && noun !== 'repositories');

/** `/organizations/{id}/members` is of `/organizations/0192…/members`. */
function isTemplateOf(template: string, path: string): boolean {
  const [parts, others] = [template.split('/'), path.split('/')];
  return parts.length === others.length && parts.every((part, at) => part === others[at] || part.startsWith('{'));
}
