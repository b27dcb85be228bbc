import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fastImport, HistorySite, save, store, type Commit, type Page } from './history-site.js';
import { commit, git } from './scratch-git.js';

let site: HistorySite;

beforeAll(async () => {
  site = await HistorySite.start();
});
afterAll(() => site.stop());

interface Entry {
  commit_sha: string;
  timestamp: string;
  author: string;
  context: { author_email: string; parents: string[]; truncated: boolean };
}

const logs = async (id: string, query = ''): Promise<Entry[]> =>
  (await site.read<Page<Entry>>(`/logs?repository_id=${id}&limit=100&${query}`)).items;

const treeOf = (source: string): string => git(source, 'rev-parse', 'HEAD^{tree}');

describe('a commit that is large', () => {
  it('has all of its parents, its author and its time', async () => {
    const source = site.source(['one']);
    const count = 1501;
    await fastImport(
      source,
      Array.from({ length: count }, (_, at) => {
        const mark = `commit refs/heads/p\nmark :${String(at + 1)}\ncommitter A <a@b> ${String(1000 + at)} +0000\n`;
        return `${mark}data 1\nx\n${at === 0 ? '' : `from :${String(at)}\n`}\n`;
      }),
    );
    const parents = git(source, 'rev-list', 'p').split('\n');
    const lines = [`tree ${treeOf(source)}`, ...parents.map((sha) => `parent ${sha}`)];
    const people = 'author Grace <g@h> 1800000000 +0000\ncommitter Grace <g@h> 1800000000 +0000';
    const message = 'feat: octopus\n\nIssue: #7\n';
    const sha = store(source, Buffer.from(`${lines.join('\n')}\n${people}\n\n${message}`), 'refs/heads/main');
    const id = await site.register(source);
    const [found] = (await site.commits(id, 'limit=1')).items;
    expect(found).toMatchObject({
      sha,
      subject: 'feat: octopus',
      author: { name: 'Grace', email: 'g@h' },
      committed_at: '2027-01-15T08:00:00.000Z',
      issue_number: 7,
      truncated: false,
    });
    expect(found?.parents).toEqual(parents);
    expect((await site.commit(id, sha)).parents).toEqual(parents);
    expect((await logs(id))[0]).toMatchObject({ commit_sha: sha, context: { parents, truncated: false } });
  });

  it('is read for its trailers, says that its message is cut, and is found by what is told of it', async () => {
    const source = site.source();
    const words = 'many words '.repeat(7500);
    const sha = save(
      source,
      { a: '1' },
      `docs: long\n\nThe needle.\n\n${words}\n\nThe thread.\n\nAgent-Type: review\nIssue: #42\n`,
    );
    const id = await site.register(source);
    const expected = { sha, agent_type: 'review', issue_number: 42, truncated: true };
    expect(await site.commits(id)).toMatchObject({ items: [expected] });
    const whole = await site.commit(id, sha);
    expect(whole).toMatchObject(expected);
    expect(whole.body).toMatch(/^The needle\.\n\nmany words/);
    expect(whole.body).toMatch(/\n\n\[\.\.\. \d+ bytes of this message are left out here \.\.\.\]\n\n/);
    expect(whole.body).toMatch(/The thread\.\n\nAgent-Type: review\nIssue: #42$/);
    for (const text of ['THE NEEDLE', 'the thread', 'agent-type'])
      expect(await site.subjects(id, `q=${text}`)).toHaveLength(1);
    expect((await logs(id, 'agent_type=review'))[0]).toMatchObject({ commit_sha: sha, context: { truncated: true } });
  });
});

it('commits that claim times of no calendar are in the order of what is told of them', async () => {
  const source = site.source(['one']);
  const claims = [
    '99999999999999',
    '18446744073709551614',
    '1700000000',
    String(2 ** 34 + 1_600_000_000),
    '-5',
    '1650000000',
  ];
  for (const [at, claim] of claims.entries()) {
    const people = `author A <a@b> ${claim} +0000\ncommitter A <a@b> ${claim} +0000`;
    store(source, Buffer.from(`tree ${treeOf(source)}\n${people}\n\n${claim}\n`), `refs/heads/t${String(at)}`);
  }
  git(source, 'branch', '-q', '-m', 'main', 'zz');
  const id = await site.register(source);
  const entries = await logs(id);
  const told = entries.map(({ timestamp }) => timestamp);
  expect(told.slice(0, 1).concat(told.slice(2))).toEqual([
    '9999-12-31T23:59:59.000Z',
    expect.stringMatching(/^20\d\d-/),
    '2023-11-14T22:13:20.000Z',
    '2022-04-15T05:20:00.000Z',
    '1970-01-01T00:00:00.000Z',
    '1970-01-01T00:00:00.000Z',
  ]);
  expect(told[1]).toBe(new Date((2 ** 34 + 1_600_000_000) * 1000).toISOString());
  expect([...told].sort().reverse()).toEqual(told);
  // Page by page as well, and alone.
  const paged: Entry[] = [];
  for (let cursor = ''; ;) {
    const page: Page<Entry> = await site.read(`/logs?repository_id=${id}&limit=2${cursor}`);
    paged.push(...page.items);
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  expect(paged).toEqual(entries);
  for (const { commit_sha, timestamp } of entries)
    expect((await site.commit(id, commit_sha)).committed_at).toBe(timestamp);
});

describe('bytes that are no text', () => {
  it('come back in the names and addresses of people, each as another one', async () => {
    const source = site.source(['one']);
    const names = ['Bad\xff', 'Bad\xfe', 'Bad\\xff'];
    for (const [at, name] of names.entries()) {
      const people = `author ${name} <${name}@x> 170000000${String(at)} +0000\ncommitter ${name} <${name}@x> 170000000${String(at)} +0000`;
      store(source, Buffer.from(`tree ${treeOf(source)}\n${people}\n\nm\n`, 'latin1'), `refs/heads/b${String(at)}`);
    }
    const id = await site.register(source);
    const told = ['Bad\\xff', 'Bad\\xfe', 'Bad\\x5cxff'];
    for (const [at, name] of told.entries()) {
      const person = { name, email: `${name}@x` };
      const { items } = await site.commits(id, `limit=1&ref=b${String(at)}`);
      expect(items).toMatchObject([{ author: person, committer: person }]);
      const found = await logs(id, `author=${encodeURIComponent(name)}`);
      expect(found).toMatchObject([{ author: name, context: { author_email: `${name}@x` } }]);
    }
    const branches = (await site.branches(id, 'q=b')).items;
    expect(branches.map(({ author }) => author)).toEqual(told);
  });

  it('come back in paths, which can be asked for', async () => {
    const source = site.source(['one']);
    const bytes = (path: string): Buffer => Buffer.concat([Buffer.from(`${source}/`), Buffer.from(path, 'latin1')]);
    const saved = (path: string, message: string): string => {
      writeFileSync(bytes(path), `${message}\n`);
      execFileSync('git', ['add', '--all'], { cwd: source });
      return commit(source, message);
    };
    mkdirSync(bytes('d\xe8'));
    saved('caf\xe9', 'first');
    saved('caf\xe8', 'second');
    saved('d\xe8/a', 'third');
    const last = saved('caf\\xe9', 'fourth');
    git(source, 'checkout', '-q', '--orphan', 'all');
    const all = commit(source, 'all of them');
    git(source, 'checkout', '-q', 'main');
    const id = await site.register(source);
    const touching = (path: string): Promise<string[]> => site.subjects(id, `path=${encodeURIComponent(path)}`);
    expect(await touching('caf\\xe9')).toEqual(['first']);
    expect(await touching('caf\\xe8')).toEqual(['second']);
    expect(await touching('d\\xe8')).toEqual(['third']);
    expect(await touching('d\\xe8/a')).toEqual(['third']);
    expect(await touching('d\\xe9')).toEqual([]);
    expect(await touching('caf\\x5cxe9')).toEqual(['fourth']);
    const filesOf = async (sha: string, query = ''): Promise<string[]> =>
      (await site.commit(id, sha, query)).diff.files.map(
        ({ path, patch }) => `${path}: ${/^\+(\w+)$/m.exec(String(patch))?.[1] ?? ''}`,
      );
    expect(await filesOf(last)).toEqual(['caf\\x5cxe9: fourth']);
    const paths = ['caf\\x5cxe9: fourth', 'caf\\xe8: second', 'caf\\xe9: first', 'd\\xe8/a: third'];
    expect(await filesOf(all)).toEqual(paths);
    for (const path of paths)
      expect(await filesOf(all, `path=${encodeURIComponent(path.split(':')[0] ?? '')}`)).toEqual([path]);
    expect(await filesOf(all, 'path=d\\xe8')).toEqual(['d\\xe8/a: third']);
    const { diff } = await site.commit(id, all, 'path=caf\\xe9');
    expect(diff).toMatchObject({ files_changed: 1, additions: 1, deletions: 0, truncated: false });
  });
});

it('an author of a name of any length is cut where that is told', async () => {
  const source = site.source(['one']);
  const people = `author ${'é'.repeat(3000)} <a@b> 1 +0000\ncommitter A <a@b> 1 +0000`;
  store(source, Buffer.from(`tree ${treeOf(source)}\n${people}\n\nm\n`), 'refs/heads/main');
  const [found]: Commit[] = (await site.commits(await site.register(source))).items;
  expect(found?.author.name).toBe(`${'é'.repeat(999)}…`);
});
