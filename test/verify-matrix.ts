import { newId } from '../src/ids.js';
import { concurrently } from './concurrently.js';
import {
  bodyFor,
  operations,
  placesIn,
  queryFor,
  referencesOf,
  withReference,
  type DocumentedOperation,
  type Reference,
} from './document-operations.js';
import type { Scratch } from './scratch-git.js';
import type { TestApp } from './test-app.js';
import {
  CALLERS,
  CONSUMING,
  credential,
  documentedVerdict,
  exceptionFor,
  isElsewhere,
  type CallerName,
  type Exception,
  type Verdict,
} from './verify-callers.js';
import { send, Site, type Reply } from './verify-site.js';
import { Things } from './verify-things.js';

/** What a run of the matrix came to. */
export interface MatrixResult {
  calls: number;
  /** `tasksCreate as viewer: 201 instead of 403` */
  mismatches: string[];
  /** Operations that answered at least one of their callers with what they are for. */
  succeeded: Set<string>;
  /** Exceptions that made a difference, and for which operations. */
  used: Map<Exception, Set<string>>;
}

/** Collections of references whose field does not say it: `depends_on` are tasks. */
const NOUNS: Readonly<Record<string, string>> = {
  depends_on: 'tasks',
  depends_on_task_id: 'tasks',
  ids: 'tasks',
  execution_id: 'executions',
  resume: 'executions',
  user_id: 'members',
  actor: 'members',
  subject: 'repositories',
};

const AT_ONCE = 4;

let nextGithubId = 900_000;

/** Calls every operation as every caller, and compares with what the document says. */
export class Matrix {
  private readonly things: Things;

  private constructor(
    private readonly server: TestApp,
    private readonly here: Site,
    private readonly elsewhere: Site,
    scratch: Scratch,
  ) {
    this.things = new Things(scratch);
  }

  /** `here` is the organization whose things are asked for. */
  static async prepare(server: TestApp, scratch: Scratch, here?: Site): Promise<Matrix> {
    return new Matrix(server, here ?? (await Site.found(server)), await Site.found(server), scratch);
  }

  /** Every operation, every caller. */
  async run(callers: readonly CallerName[] = CALLERS): Promise<MatrixResult> {
    const result: MatrixResult = { calls: 0, mismatches: [], succeeded: new Set(), used: new Map() };
    await concurrently('role matrix', { total: operations.length, atOnce: AT_ONCE }, async (at) => {
      for (const caller of callers) await this.call(operations[at] as DocumentedOperation, caller, result);
    });
    return result;
  }

  private async call(operation: DocumentedOperation, caller: CallerName, result: MatrixResult): Promise<void> {
    const exception = exceptionFor(operation, caller);
    const documented = documentedVerdict(operation, caller);
    const verdict = exception?.verdict ?? documented;
    if (exception !== undefined && verdict !== documented)
      result.used.set(exception, (result.used.get(exception) ?? new Set()).add(operation.id));

    // What is refused uses nothing up.
    const consuming = CONSUMING.has(operation.id) && verdict === 'passes';
    const here = consuming ? await Site.found(this.server) : this.here;
    const elsewhere = consuming ? await Site.found(this.server) : this.elsewhere;
    const token = await credential(caller, operation.demand, here, elsewhere);
    const address = await this.things.address(operation, here, caller, verdict === 'passes');
    // Without anything in the path, callers speak of what is theirs.
    const own = isElsewhere(caller) && placesIn(operation.path).length === 0 ? elsewhere : here;
    const request = async (path: string): Promise<Reply> =>
      send(
        this.server,
        token,
        operation.method,
        path + (await this.queryOf(operation, own)),
        await this.bodyOf(operation, own),
      );

    const reply = await request(address);
    result.calls += 1;
    if (verdict === 'passes' && reply.status < 400) result.succeeded.add(operation.id);
    const fault = faultOf(operation, verdict, reply);
    if (fault !== null) result.mismatches.push(`${operation.id} as ${caller}: ${fault}`);
    else if (verdict === '404') {
      const nothing = await request(this.things.nowhere(operation));
      if (comparable(nothing) !== comparable(reply))
        result.mismatches.push(`${operation.id} as ${caller}: a random id is told from one of others`);
    }
    // To the guest the first organization is one of two.
    const isStranger = isElsewhere(caller) && caller !== 'guest from elsewhere';
    if (isStranger && reply.text.includes(here.organization_id))
      result.mismatches.push(`${operation.id} as ${caller}: the answer tells of the other organization`);
  }

  /**
   * Names things of the first organization in queries and bodies, as the owner and the worker of the other one: it must
   * make no difference to naming nothing. Gives how many places were tried, and where it made one.
   */
  async tryReferences(): Promise<{ tried: number; differences: string[] }> {
    const differences: string[] = [];
    let tried = 0;
    for (const operation of operations) {
      const caller = operation.demand === 'worker' ? 'worker' : 'owner';
      for (const reference of referencesOf(operation)) {
        const [foreign, random] = [await this.foreign(reference), newId()];
        const replies = [];
        for (const id of [foreign, random]) {
          // The other organization's own callers, at its own address.
          const token = await credential(caller, operation.demand, this.elsewhere, this.here);
          const path = await this.things.address(operation, this.elsewhere, caller, true);
          const body = await this.bodyOf(operation, this.elsewhere);
          replies.push(
            reference.place === 'query'
              ? await send(this.server, token, operation.method, `${path}?${reference.name}=${id}`, body)
              : await send(this.server, token, operation.method, path, withReference(operation, body, reference, id)),
          );
        }
        tried += 1;
        const [one, other] = replies.map(comparable);
        if (one !== other)
          differences.push(`${operation.id} ${reference.path.join('.')}: ${String(one)} / ${String(other)}`);
      }
    }
    return { tried, differences };
  }

  private foreign({ name }: Reference): Promise<string> {
    const noun = NOUNS[name] ?? `${name.replace(/_ids?$/, '')}s`.replace(/ys$/, 'ies').replace(/ss$/, 's');
    return this.things.find(noun, `/api/v1/${noun}`, this.here, 'owner');
  }

  /** What the document's examples make, but for what must be there. */
  private async queryOf(operation: DocumentedOperation, site: Site): Promise<string> {
    if (operation.id !== 'deploymentsCompare') return queryFor(operation);
    const { repository_id, version } = await this.things.release(site);
    return `?${new URLSearchParams({ repository_id, from: version, to: version }).toString()}`;
  }

  private async beginDevice(): Promise<{ device_code: string; user_code: string }> {
    const { json } = await send(this.server, null, 'POST', '/api/v1/auth/device', {});
    return json as { device_code: string; user_code: string };
  }

  private async approvedDevice(site: Site): Promise<string> {
    const { device_code, user_code } = await this.beginDevice();
    const { access_token } = await site.person('owner');
    await send(this.server, access_token, 'POST', '/api/v1/auth/device/approve', { user_code });
    return device_code;
  }

  /** What the document's examples make, but for what must be new or be there. */
  private async bodyOf(operation: DocumentedOperation, site: Site): Promise<unknown> {
    switch (operation.id) {
      case 'authMockLogin':
        return { github_id: nextGithubId++, email: 'somebody@example.com' };
      case 'authRefresh':
        return { refresh_token: (await site.join('member')).refresh_token };
      case 'taskRelationsAdd':
        return { depends_on_task_id: await this.things.find('tasks', '/api/v1/tasks', site, 'owner', true) };
      case 'taskBatchesAct':
        return { action: 'cancel', ids: [await this.things.find('tasks', '/api/v1/tasks', site, 'owner', true)] };
      case 'repositoriesRegister':
        return { local_path: this.things.localPath() };
      case 'deploymentsRecord':
        return this.things.release(site);
      case 'agentsCreate':
        return { agent_type: `own-${newId()}`, name: 'Own', description: 'An agent of its own.' };
      case 'agentTasksExecute': {
        const repository_id = await this.things.find('repositories', '/api/v1/repositories', site, 'owner');
        return { repository_id, agent_type: 'codegen', run_at: '2999-01-01T00:00:00Z' };
      }
      case 'worktreesAdd':
        return { repository_id: await this.things.find('repositories', '/api/v1/repositories', site, 'owner') };
      case 'workersRegister':
        return { name: `worker ${newId()}` };
      case 'coordinatorsRegister':
        return { name: `coordinator ${newId()}`, host: 'somewhere' };
      case 'sessionsSwitchOrganization':
        return { organization_id: site.organization_id };
      case 'membersTransfer':
        return { user_id: (await site.join('member')).user.id };
      case 'invitationsInvite':
        return { login: `nobody-${String(nextGithubId++)}`, role: 'member' };
      case 'deviceSignInLookUp':
      case 'deviceSignInAnswer':
        return { user_code: (await this.beginDevice()).user_code };
      case 'deviceSignInExchange':
        return { device_code: await this.approvedDevice(site) };
      default:
        return bodyFor(operation);
    }
  }
}

/** What is wrong with an answer, null when nothing is. */
function faultOf({ path }: DocumentedOperation, verdict: Verdict, { status, text }: Reply): string | null {
  const passes = status < 500 && status !== 401 && status !== 403 && (status !== 404 || placesIn(path).length === 0);
  const right = verdict === 'passes' ? passes : status === Number(verdict);
  return right ? null : `${String(status)} instead of ${verdict} (${text.slice(0, 120)})`;
}

/** An answer without what differs from request to request. */
const comparable = ({ status, text }: Reply): string =>
  `${String(status)} ${text}`
    .replace(/"request_id":"[^"]*"/g, '"request_id":""')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/my[cjkwr]_[\w-]+/g, '<secret>')
    .replace(/"(name|local_path)":"[^"]*"/g, '"$1":""');
