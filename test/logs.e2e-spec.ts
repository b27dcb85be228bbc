import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Caller, type LogEntry, type Page } from './caller.js';
import { GitSite } from './git-site.js';
import { commit, git } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import type { TestApp } from './test-app.js';

let site: GitSite;
let server: TestApp;

beforeAll(async () => {
  site = await GitSite.open();
  server = site.server;
});
afterAll(() => site.close());

const source = (messages?: readonly string[]): string => site.source(messages);

describe('the log', () => {
  it('tells of each commit what its message says', async () => {
    const caller = await Caller.signIn(server);
    const path = source([]);
    const parent = commit(path, 'chore: begin', 1_700_000_000);
    const id = commit(path, 'fix(ui): 雅 <b>"\t|\n\nWords.\n\nAgent-Type: review\nIssue: #42\n', 1_700_000_060);
    const { id: repository_id } = await caller.register(path);
    const { items, next_cursor } = await caller.logs(`repository_id=${repository_id}`);
    expect(next_cursor).toBeNull();
    expect(items[0]).toEqual({
      id,
      commit_sha: id,
      timestamp: '2023-11-14T22:14:20.000Z',
      level: 'info',
      agent_type: 'review',
      message: 'fix(ui): 雅 <b>"\t|',
      issue_number: 42,
      author: 'Ada Lovelace',
      context: {
        repository_id,
        full_name: null,
        body: 'Words.\n\nAgent-Type: review\nIssue: #42',
        parents: [parent],
        truncated: false,
        author_email: 'ada@example.com',
        authored_at: '2023-11-14T22:14:20.000Z',
      },
    });
  });

  it('shows a commit made a moment ago, and branches that workers pushed', async () => {
    const caller = await Caller.signIn(server);
    const path = source([]);
    // Older than the worker's commit below by more than Git's second, which is all that tells them apart.
    commit(path, 'feat: one', 1_700_000_000);
    const repository = await caller.register(path);
    const pushed = git(path, 'commit-tree', '-m', 'feat: by a worker', 'HEAD^{tree}', '-p', 'HEAD');
    git(path, 'push', '-q', site.mirrorOf(repository), `${pushed}:refs/heads/task/x-a1`);
    commit(path, 'feat: two');
    const all = await caller.messages(`repository_id=${repository.id}`);
    expect(all.sort()).toEqual(['feat: by a worker', 'feat: one', 'feat: two']);
    const one = await caller.messages(`repository_id=${repository.id}&ref=task/x-a1`);
    expect(one).toEqual(['feat: by a worker', 'feat: one']);
  });

  it('goes page by page without a gap or a double, also where instants are equal', async () => {
    const caller = await Caller.signIn(server);
    const path = source([]);
    for (let at = 0; at < 12; at++) commit(path, `feat: ${String(at)}`, 1_700_000_000 + Math.floor(at / 4));
    const { id } = await caller.register(path);
    const whole = await caller.messages(`repository_id=${id}&limit=100`);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<LogEntry> = await caller.logs(`repository_id=${id}&limit=5${cursor && `&cursor=${cursor}`}`);
      paged.push(...page.items.map(({ message }) => message));
      cursor = page.next_cursor;
    }
    expect(whole).toHaveLength(12);
    expect(paged).toEqual(whole);
  });

  it('merges the repositories of the organization by instant', async () => {
    const caller = await Caller.signIn(server);
    const [one, two] = [source([]), source([])];
    commit(one, 'chore: 1', 1_700_000_001);
    commit(two, 'chore: 2', 1_700_000_002);
    commit(one, 'chore: 3', 1_700_000_003);
    await caller.register(one);
    await caller.register(two);
    expect(await caller.messages('')).toEqual(['chore: 3', 'chore: 2', 'chore: 1']);
  });

  it('is narrowed by level, agent type, issue and text', async () => {
    const caller = await Caller.signIn(server);
    const path = source(['feat: sign in #7', 'docs: words', 'fix!: Sign out', 'Deploy it']);
    const { id } = await caller.register(path);
    const narrowed = async (filter: string) => (await caller.messages(`repository_id=${id}&${filter}`)).sort();
    expect(await narrowed('agent_type=codegen')).toEqual(['feat: sign in #7', 'fix!: Sign out']);
    expect(await narrowed('agent_type=deployment')).toEqual(['Deploy it']);
    expect(await narrowed('issue_number=7')).toEqual(['feat: sign in #7']);
    expect(await narrowed('level=warn')).toEqual(['fix!: Sign out']);
    expect(await narrowed('level=error')).toEqual([]);
    expect(await narrowed('q=SIGN')).toEqual(['feat: sign in #7', 'fix!: Sign out']);
    expect(await narrowed('q=lovelace&level=info&agent_type=codegen')).toEqual(['feat: sign in #7']);
  });

  it.each(['ref=missing', 'ref=--all', 'ref=main..main', 'ref=%24(touch%20canary)'])(
    'of no such reference is a 404: %s',
    async (query) => {
      const caller = await Caller.signIn(server);
      const { id } = await caller.register(source());
      expect(await codeOf(caller.get(`/logs?repository_id=${id}&${query}`))).toBe('404 git/ref-not-found');
    },
  );

  it.each([
    'repository_id=x',
    'level=loud',
    'limit=0',
    'limit=101',
    'limit=0x10',
    'cursor=x',
    'cursor=%00',
    'issue_number=-1',
    'issue_number=2147483648',
    'q=',
    'ref=',
    'ref=a%00b',
    'agent_type=A',
    'unknown=1',
  ])('is refused for %s', async (query) => {
    await (await Caller.signIn(server)).get(`/logs?${query}`).expect(400);
  });

  it('of a damaged mirror is an error, never an empty list', async () => {
    const caller = await Caller.signIn(server);
    const path = source(['feat: one']);
    const repository = await caller.register(path);
    // Nor can it be mended.
    for (const directory of [site.mirrorOf(repository), join(path, '.git')])
      rmSync(join(directory, 'objects'), { recursive: true });
    const answer = await caller.get(`/logs?repository_id=${repository.id}`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(answer.body)).toContain('git/');
    expect(JSON.stringify(answer.body)).not.toContain(site.scratch.path);
  });
});
