import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { Caller } from './caller.js';
import { annotate, DeploymentCaller, type Comparison } from './deployment-caller.js';
import { DeploymentSite, NEW_YEAR } from './deployment-site.js';
import { withGit } from './replaced-git.js';
import { commit, git, type Scratch } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import { type TestApp } from './test-app.js';

let site: DeploymentSite;
let server: TestApp;
let scratch: Scratch;
let caller: Caller;
let own: DeploymentCaller;
let source: string;

beforeAll(async () => {
  site = await DeploymentSite.open();
  ({ server, scratch } = site);
});
beforeEach(async () => {
  ({ caller, own, source } = await site.next());
});
afterAll(() => site.close());

const head = (): string => git(source, 'rev-parse', 'HEAD');

describe('a list of deployments', () => {
  it('goes on where a page ended, whatever is recorded meanwhile', async () => {
    for (let n = 1; n <= 9; n++) annotate(source, `v1.${String(n)}`, 'HEAD', NEW_YEAR + (n % 3));
    const whole = await own.all('limit=100');
    const first = await own.page('limit=4');
    await own.recorded({ version: 'v1.2', status: 'success' });
    const rest = await own.all('limit=2', first.next_cursor);
    expect([...first.items, ...rest].map(({ version }) => version)).toEqual(whole.map(({ version }) => version));
    // Of the same instant, the higher number first.
    expect(whole.slice(0, 3).map(({ version }) => version)).toEqual(['v1.8', 'v1.5', 'v1.2']);
  });

  it('is narrowed by environment and status, tags and records alike', async () => {
    for (const tag of ['v1', 'v2-rc.1', 'v3']) git(source, 'tag', tag);
    await own.recorded({ version: 'v3', environment: 'staging', status: 'success' });
    const versions = async (query: string) => (await own.page(query)).items.map(({ version }) => version);
    expect(await versions('environment=staging')).toEqual(['v3', 'v2-rc.1']);
    expect(await versions('environment=production')).toEqual(['v1']);
    expect(await versions('status=success')).toEqual(['v3']);
    expect(await versions('status=recorded&status=failed')).toEqual(['v2-rc.1', 'v1']);
    expect(await versions('environment=elsewhere')).toEqual([]);
    for (const wrong of ['status=deployed', 'environment=..', 'cursor=WyJhIl0', 'cursor=%00', 'limit=0'])
      await caller.get(`/deployments?repository_id=${own.repository_id}&${wrong}`).expect(400);
  });

  it('joins all repositories of the organization, and names those that were never fetched', async () => {
    git(source, 'tag', 'v1');
    const other = scratch.repository('roots/other');
    git(other, 'tag', 'v2');
    await caller.register(other);
    const { body } = await caller
      .post('/repositories', { clone_url: 'https://no.such.host.invalid/x.git' })
      .expect(201);
    expect((await caller.get('/deployments').expect(200)).body).toMatchObject({
      items: [{ version: 'v2' }, { version: 'v1' }],
      unread: [{ repository_id: (body as { id: string }).id }],
    });
  });

  it('is an error with its cause when git fails, never an empty list', async () => {
    git(source, 'tag', 'v1');
    await own.page();
    for (const [script, answer] of [
      [
        `case " $* " in *' for-each-ref '*) echo "fatal: bad object HEAD" >&2; exit 128;; esac; exec "$real" "$@"`,
        'damaged',
      ],
      [
        `case " $* " in *' for-each-ref '*) echo "warning: ignoring broken ref refs/tags/x" >&2; exit 0;; esac; exec "$real" "$@"`,
        'damaged',
      ],
      [`case " $* " in *' for-each-ref '*) echo "nothing like it";; *) exec "$real" "$@";; esac`, 'damaged'],
    ] as const) {
      // What was read of the references before is not remembered of what they are now.
      git(join(scratch.path, 'mirrors', `${own.repository_id}.git`), 'tag', `of-${newId()}`, 'main');
      await withGit(scratch, script, async () => {
        const { body } = await caller.get(`/deployments?repository_id=${own.repository_id}`).expect(409);
        expect(body).toMatchObject({ code: 'git/failed', reason: answer });
        expect(await codeOf(own.record({ version: 'v1' }))).toBe('409 git/failed');
      });
    }
  });
});

describe('comparing two versions', () => {
  it('gives the commits between them, with their issues and tasks, page by page', async () => {
    const { body: task } = await caller
      .post('/tasks', { name: 'Add a dark mode', repository_id: own.repository_id })
      .expect(201);
    const { id } = task as { id: string };
    git(source, 'tag', 'v1');
    const base = head();
    commit(source, 'fix: one (#12)', NEW_YEAR + 1);
    commit(source, `Dark mode\n\nAgent-Type: codegen\nTask: ${id}\nIssue: 7`, NEW_YEAR + 2);
    // Of a task that is not there, or not here, nothing is told.
    commit(source, `Other\n\nTask: ${newId()}`, NEW_YEAR + 3);
    git(source, 'tag', 'v2');
    const compared = await own.comparison('v1', 'v2', '&limit=2');
    expect(compared).toMatchObject({
      repository_id: own.repository_id,
      from: { version: 'v1', commit_sha: base },
      to: { version: 'v2', commit_sha: head() },
      merge_base: base,
      ahead_by: 3,
      behind_by: 0,
      issues: [7, 12],
      tasks: [{ id, name: 'Add a dark mode', issue_number: null, found_by: ['trailer'] }],
      complete: true,
    });
    expect(compared.items.map(({ message }) => message)).toEqual(['Other', 'Dark mode']);
    const more = await own.comparison('v1', 'v2', `&limit=2&cursor=${compared.next_cursor ?? ''}`);
    expect(more.items).toMatchObject([{ message: 'fix: one (#12)', issue_number: 12, task_id: null }]);
    expect([more.next_cursor, more.ahead_by]).toEqual([null, 3]);
    expect(await own.comparison('v2', 'v1')).toMatchObject({ ahead_by: 0, behind_by: 3, items: [], issues: [] });
    expect(await own.comparison(base, 'v1')).toMatchObject({ ahead_by: 0, behind_by: 0 });
  });

  it('finds tasks by what their executions have left and by the branches that were merged, and no others', async () => {
    interface Left {
      branch?: string;
      commit_sha?: string;
      base_sha?: string;
      repository_id?: string;
    }
    const made: string[] = [];
    async function task(left: (end: string) => Left): Promise<string> {
      const { body } = await caller.post('/tasks', { name: 'One', repository_id: own.repository_id }).expect(201);
      const { id, organization_id } = body as { id: string; organization_id: string };
      const {
        branch = 'x',
        commit_sha = null,
        base_sha = null,
        repository_id = own.repository_id,
      } = left(id.slice(-8));
      await server.sql.query(
        `insert into agent_executions (id, organization_id, task_id, repository_id, attempt, agent_type, status, branch, commit_sha, base_sha)
         values ($1, $2, $3, $4, 1, 'note', 'completed', $5, $6, $7)`,
        [newId(), organization_id, id, repository_id, branch, commit_sha, base_sha],
      );
      made.push(id);
      return id;
    }
    const merge = (message: string): string => {
      git(source, 'checkout', '-q', '-b', `side-${String(made.length)}`);
      commit(source, 'side', NEW_YEAR + 5);
      git(source, 'checkout', '-q', 'main');
      git(source, 'merge', '-q', '--no-ff', '-m', message, `side-${String(made.length)}`);
      return head();
    };
    git(source, 'tag', 'v1');
    const before = head();
    const one = commit(source, 'feat: one', NEW_YEAR + 1);
    const other = await caller.register(scratch.repository(`roots/elsewhere-${String(Math.random())}`));
    const by_commit = await task(() => ({ commit_sha: one, base_sha: before }));
    await task(() => ({ commit_sha: one, base_sha: one }));
    await task(() => ({ commit_sha: before }));
    await task(() => ({ commit_sha: one, repository_id: other.id }));
    let end = '';
    const by_branch = await task((own_end) => ({ branch: `task/add-a-mode-${(end = own_end)}-a1` }));
    merge(`Merge branch 'task/add-a-mode-${end}-a1' into main`);
    const both = await task((own_end) => ({ branch: `task/x-${(end = own_end)}-a2` }));
    merge(`Merge pull request #3 from ada/task/x-${end}-a2\n\nTask: ${both}`);
    // Not of this name, not by this attempt, and in no merge.
    await task(() => ({ branch: 'task/x-00000000-a1' }));
    await task((own_end) => ({ branch: `task/y-${(end = own_end)}-a1` }));
    merge(`Merge branches 'task/x-00000000-a1' and 'task/y-${end}-a2'`);
    commit(source, `Merge branch 'task/y-${end}-a1'`, NEW_YEAR + 9);
    git(source, 'tag', 'v2');
    const { tasks, complete } = await own.comparison('v1', 'v2');
    expect(complete).toBe(true);
    expect(Object.fromEntries(tasks.map(({ id, found_by }) => [made.indexOf(id), found_by]))).toEqual({
      [made.indexOf(by_commit)]: ['commit'],
      [made.indexOf(by_branch)]: ['branch'],
      [made.indexOf(both)]: ['trailer', 'branch'],
    });
    expect((await own.comparison('v2', 'v1')).tasks).toEqual([]);
  });

  it('has commits of one second in the order of histories, whatever the page', async () => {
    git(source, 'tag', 'v1');
    const names = Array.from({ length: 7 }, (_, at) => `chore: ${String(at)}`);
    for (const name of names) commit(source, name, NEW_YEAR + 1);
    git(source, 'checkout', '-q', '--detach');
    names.push('chore: on no branch');
    commit(source, 'chore: on no branch', NEW_YEAR + 1);
    git(source, 'tag', 'v2');
    const said: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Comparison = await own.comparison('v1', 'v2', `&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      said.push(...page.items.map(({ message }) => message));
      cursor = page.next_cursor;
    }
    expect(said).toEqual([...names].reverse());
  });

  it('of histories that have nothing in common is all of the one', async () => {
    git(source, 'tag', 'v1');
    git(source, 'checkout', '-q', '--orphan', 'other');
    commit(source, 'feat: from nothing');
    git(source, 'tag', 'v2');
    expect(await own.comparison('v1', 'v2')).toMatchObject({ merge_base: null, ahead_by: 1, behind_by: 1 });
  });

  it('takes a tag that is gone for what was recorded last under its name', async () => {
    const first = head();
    git(source, 'tag', 'v1');
    await own.recorded({ version: 'v1', status: 'success' });
    const second = commit(source, 'fix: two', NEW_YEAR + 1);
    git(source, 'tag', '-f', 'v1');
    await own.recorded({ version: 'v1', environment: 'staging' });
    commit(source, 'fix: three', NEW_YEAR + 2);
    git(source, 'tag', 'v2');
    git(source, 'tag', '-d', 'v1');
    expect(await own.comparison('v1', 'v2')).toMatchObject({
      from: { version: 'v1', commit_sha: second },
      ahead_by: 1,
    });
    // As long as it is there, the tag is what it says.
    git(source, 'tag', 'v1', first);
    expect(await own.comparison('v1', 'v2')).toMatchObject({ from: { version: 'v1', commit_sha: first }, ahead_by: 2 });
    git(source, 'tag', '-d', 'v1');
    expect(await codeOf(own.record({ version: 'v1' }))).toBe('404 deployment/version-not-found');
  });

  it('names what is not there', async () => {
    git(source, 'tag', 'v1');
    for (const [from, to, field] of [
      ['v1', 'v9', 'to'],
      ['v9', 'v1', 'from'],
      ['--all', 'v1', 'from'],
      ['main', 'v1', 'from'],
    ] as const) {
      const { body } = await own.compare(from, to).expect(404);
      expect(body).toMatchObject({ code: 'deployment/version-not-found', errors: [{ field }] });
    }
    const stranger = new DeploymentCaller(await Caller.signIn(server), own.repository_id);
    expect(await codeOf(stranger.compare('v1', 'v1'))).toBe('404 repository/not-found');
    expect(await codeOf(own.compare('v1', 'v1', '&cursor=WyJhIl0'))).toBe('400 request/invalid');
  });
});
