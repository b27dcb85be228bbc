import { rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { liveProcesses, until } from './git-processes.js';
import { fastImport, HistorySite, refusalOf, save, type Commit, type Page } from './history-site.js';
import { endless, withGit } from './replaced-git.js';
import { commit, git } from './scratch-git.js';

let site: HistorySite;

beforeAll(async () => {
  site = await HistorySite.start();
});
afterAll(() => site.stop());

describe('the commits of a repository', () => {
  it('come with who, when, what they tell and how much they changed', async () => {
    const source = site.source();
    const parent = save(source, { a: 'one\n', b: 'two\n' }, 'chore: begin', 1_700_000_000);
    const sha = save(source, { a: 'one\nmore\n', b: '' }, 'fix(ui): 雅\n\nWords.\n\nIssue: #42\n', 1_700_000_060);
    const { items, next_cursor } = await site.commits(await site.register(source));
    expect(next_cursor).toBeNull();
    expect(items).toEqual([
      {
        sha,
        parents: [parent],
        subject: 'fix(ui): 雅',
        body: 'Words.\n\nIssue: #42',
        truncated: false,
        author: { name: 'Ada Lovelace', email: 'ada@example.com' },
        authored_at: '2023-11-14T22:14:20.000Z',
        committer: { name: 'Ada Lovelace', email: 'ada@example.com' },
        committed_at: '2023-11-14T22:14:20.000Z',
        level: 'info',
        agent_type: 'codegen',
        issue_number: 42,
        stats: { files_changed: 2, additions: 1, deletions: 1 },
      },
      expect.objectContaining({ sha: parent, stats: { files_changed: 2, additions: 2, deletions: 0 } }),
    ]);
  });

  it('are those of the default branch, or of the reference that is named', async () => {
    const source = site.source(['one']);
    git(source, 'tag', 'v1');
    git(source, 'checkout', '-q', '-b', 'other');
    commit(source, 'two');
    git(source, 'tag', 'other', 'v1');
    git(source, 'update-ref', 'refs/heads/-x', 'HEAD');
    git(source, 'update-ref', 'refs/heads/HEAD', 'v1');
    git(source, 'checkout', '-q', 'main');
    const id = await site.register(source);
    expect(await site.subjects(id)).toEqual(['one']);
    for (const ref of ['other', '-x', git(source, 'rev-parse', 'refs/heads/other')])
      expect(await site.subjects(id, `ref=${ref}`)).toEqual(['two', 'one']);
    for (const ref of ['v1', 'refs/tags/other', 'HEAD']) expect(await site.subjects(id, `ref=${ref}`)).toEqual(['one']);
  });

  it('go page by page without a gap or a double, while others commit', async () => {
    const source = site.source();
    for (let at = 0; at < 12; at++) commit(source, String(at), 1_700_000_000 + Math.floor(at / 4));
    const id = await site.register(source);
    const whole = await site.subjects(id, 'limit=100');
    expect(whole).toEqual(Array.from({ length: 12 }, (_, at) => String(11 - at)));
    const paged: string[] = [];
    for (let place = ''; ;) {
      const page: Page<Commit> = await site.commits(id, `limit=5${place}`);
      paged.push(...page.items.map(({ subject }) => subject));
      if (page.next_cursor === null) break;
      // `after` is the other name of the cursor.
      place = `&${paged.length > 5 ? 'after' : 'cursor'}=${page.next_cursor}`;
      commit(source, 'new');
      await site.person.post(`/repositories/${id}/sync`);
    }
    expect(paged).toEqual(whole);
  });

  it('are narrowed by path, author, time, text, agent type and issue', async () => {
    const source = site.source();
    save(source, { a: '1' }, 'feat: a #7', 1000);
    save(source, { b: '1', '*': '1' }, 'docs: b', 2000);
    git(source, 'checkout', '-q', '-b', 'side', 'HEAD~1');
    save(source, { a: '2' }, 'fix: side of a', 3000);
    git(source, 'checkout', '-q', 'main');
    git(source, '-c', 'user.name=Grace', 'merge', '-q', '--no-ff', '-m', 'Merge the side', 'side');
    const id = await site.register(source);
    expect(await site.subjects(id, 'path=a')).toEqual(['fix: side of a', 'feat: a #7']);
    // To the letter: an asterisk is a file of that name.
    expect(await site.subjects(id, 'path=*')).toEqual(['docs: b']);
    expect(await site.subjects(id, 'path=nothing')).toEqual([]);
    expect(await site.subjects(id, 'author=LOVELACE&limit=2')).toEqual(['Merge the side', 'fix: side of a']);
    expect(await site.subjects(id, 'author=nobody')).toEqual([]);
    expect(await site.subjects(id, 'since=1970-01-01T00:33:20Z&until=1970-01-01T00:50:00Z')).toEqual([
      'fix: side of a',
      'docs: b',
    ]);
    expect(await site.subjects(id, 'until=1970-01-01T00:50:00.5%2B00:00&limit=1')).toEqual(['fix: side of a']);
    expect(await site.subjects(id, 'since=1970-01-01T00:50:00.5Z')).toEqual(['Merge the side']);
    expect(await site.subjects(id, 'q=SIDE')).toEqual(['Merge the side', 'fix: side of a']);
    expect(await site.subjects(id, 'agent_type=codegen')).toEqual(['fix: side of a', 'feat: a #7']);
    expect(await site.subjects(id, 'issue_number=7&agent_type=codegen&path=a')).toEqual(['feat: a #7']);
    const log = await site.read<Page<{ message: string }>>(
      `/logs?repository_id=${id}&path=a&since=1970-01-01T00:30:00Z`,
    );
    expect(log.items.map(({ message }) => message)).toEqual(['fix: side of a']);
  });

  it('of a filter that matches little come on short pages with a cursor, each of bounded work', async () => {
    const source = site.source();
    const count = 20_600;
    const import_ = Array.from({ length: count }, (_, at) => {
      const message = at === 0 ? 'the needle' : 'hay';
      const mark = `commit refs/heads/main\ncommitter A <a@b> ${String(1_700_000_000 + at)} +0000\n`;
      return `${mark}data ${String(message.length)}\n${message}\n`;
    });
    await fastImport(source, import_);
    const id = await site.register(source);
    const first = await site.commits(id, 'q=needle');
    expect(first.items).toEqual([]);
    expect(first.next_cursor).not.toBeNull();
    const found: string[] = [];
    for (let cursor = first.next_cursor; cursor !== null;) {
      const page: Page<Commit> = await site.commits(id, `q=needle&cursor=${cursor}`);
      found.push(...page.items.map(({ subject }) => subject));
      cursor = page.next_cursor;
    }
    expect(found).toEqual(['the needle']);
  });
});

describe('one commit', () => {
  it('comes with its whole message, its parents and its diff', async () => {
    const source = site.source();
    const parent = save(source, { a: 'one\n' }, 'chore: begin');
    const long = 'words '.repeat(2000).trim();
    const sha = save(source, { a: 'one\nmore\n', b: 'new\n' }, `fix: it\n\n${long}\n`);
    const id = await site.register(source);
    const whole = await site.commit(id, sha);
    expect(whole).toMatchObject({ sha, parents: [parent], subject: 'fix: it', body: long });
    expect(whole.stats).toEqual({ files_changed: 2, additions: 2, deletions: 0 });
    expect(whole.diff).toMatchObject({ base_sha: parent, head_sha: sha, files_changed: 2, truncated: false });
    expect(whole.diff.files.map(({ path, status }) => [path, status])).toEqual([
      ['a', 'modified'],
      ['b', 'added'],
    ]);
    const part = await site.commit(id, sha.slice(0, 10), 'path=b');
    expect(part).toMatchObject({ sha, stats: whole.stats, diff: { files_changed: 1 } });
    expect(await site.commit(id, parent)).toMatchObject({ parents: [], diff: { base_sha: null, additions: 1 } });
  });

  it('that merges is what it brought, with the figures of the list', async () => {
    const source = site.source();
    save(source, { a: 'one\n' }, 'one', 1000);
    git(source, 'checkout', '-q', '-b', 'side');
    const side = save(source, { b: 'two\n' }, 'two', 1001);
    git(source, 'checkout', '-q', 'main');
    const main = save(source, { c: 'three\n' }, 'three', 1002);
    git(source, 'merge', '-q', '--no-ff', '-m', 'merge', 'side');
    const id = await site.register(source);
    const [{ sha, stats } = { sha: '', stats: null }] = (await site.commits(id)).items;
    const whole = await site.commit(id, sha);
    expect(whole).toMatchObject({ parents: [main, side], stats, diff: { base_sha: main, files: [{ path: 'b' }] } });
    expect(stats).toEqual({ files_changed: 1, additions: 1, deletions: 0 });
  });

  it('is found a moment after it was made', async () => {
    const source = site.source(['one']);
    const id = await site.register(source);
    expect(await site.commit(id, commit(source, 'two'))).toMatchObject({ subject: 'two' });
  });

  it('is not told from nothing when it is of another repository', async () => {
    const id = await site.register(site.source(['one']));
    const sha = git(site.source(['another']), 'rev-parse', 'HEAD');
    expect(await refusalOf(site.person.get(`/repositories/${id}/commits/${sha}`))).toBe('404 git/ref-not-found');
    const tree = git(site.mirrorOf(id), 'rev-parse', 'HEAD^{tree}');
    expect(await refusalOf(site.person.get(`/repositories/${id}/commits/${tree}`))).toBe('404 git/ref-not-found');
  });

  it('is not a branch whose name looks like an id', async () => {
    const source = site.source(['one', 'two']);
    git(source, 'branch', 'abcdef', 'HEAD~1');
    const id = await site.register(source);
    expect(await refusalOf(site.person.get(`/repositories/${id}/commits/abcdef`))).toBe('404 git/ref-not-found');
  });
});

it.each([
  'commits?limit=0',
  'commits?limit=101',
  'commits?cursor=x',
  'commits?cursor=W10',
  'commits?after=x',
  'commits?cursor=WzEsMSwieCJd&after=WzEsMSwieCJd',
  'commits?since=yesterday',
  'commits?until=2026-02-30T00:00:00Z',
  'commits?path=/etc/passwd',
  'commits?path=../x',
  'commits?path=',
  'commits?ref=',
  'commits?ref=a%00b',
  'commits?author=',
  'commits?unknown=1',
  'commits/HEAD',
  'commits/--all',
  'commits/abc',
  'commits/main',
  `commits/${'f'.repeat(41)}`,
  'branches?limit=0',
  'branches?cursor=*',
  'branches?cursor=a',
  'branches?q=',
])('%s is refused', async (path) => {
  const id = newId();
  expect(await refusalOf(site.person.get(`/repositories/${id}/${path}`))).toMatch(/^400 /);
});

it.each(['missing', '--all', 'main..main', 'main~1', ':/one', '@{-1}', '$(touch canary)', '--output=canary'])(
  'no commits are those of the reference %s',
  async (ref) => {
    const id = await site.register(site.source(['one', 'two']));
    const answer = site.person.get(`/repositories/${id}/commits?ref=${encodeURIComponent(ref)}`);
    expect(await refusalOf(answer)).toBe('404 git/ref-not-found');
  },
);

it('a client that goes away ends the git that worked for it', async () => {
  const id = await site.register(site.source(['one', 'two']));
  const working = () => liveProcesses().filter(({ command }) => command.includes(`${id}.git `));
  const asked: [string, string][] = [
    ['rev-list', 'commits'],
    ['cat-file', 'commits'],
    ['diff-tree', 'commits'],
    ['for-each-ref', 'branches'],
  ];
  for (const [command, path] of asked) {
    rmSync(join(site.mirrorOf(id), 'history'), { recursive: true, force: true });
    // What was read of the references before is not remembered of what they are now.
    git(site.mirrorOf(id), 'branch', `of-${newId()}`, 'main');
    await withGit(site.scratch, endless(command), async () => {
      const headers = { authorization: `Bearer ${site.person.token}` };
      const call = request(`${site.server.url}/api/v1/repositories/${id}/${path}`, { headers });
      call.on('error', () => undefined).end();
      await until(() => working().some((one) => one.command.includes(` ${command} `)));
      call.destroy();
      await until(() => working().length === 0);
    });
  }
});
