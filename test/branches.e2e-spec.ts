import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { registerWorker, signInPerson } from './fleet.js';
import { until } from './git-processes.js';
import { HistorySite, refusalOf, type BranchList, save, store } from './history-site.js';
import { withGit } from './replaced-git.js';
import { commit, git } from './scratch-git.js';

let site: HistorySite;

beforeAll(async () => {
  site = await HistorySite.start();
});
afterAll(() => site.stop());

describe('the branches of a repository', () => {
  it('come by name, with their commit and how they have parted from the default one', async () => {
    const source = site.source(['one', 'two']);
    git(source, 'checkout', '-q', '-b', 'feature', 'HEAD~1');
    const sha = commit(source, 'feat: three', 1_700_000_000);
    git(source, 'checkout', '-q', 'main');
    git(source, 'checkout', '-q', '--orphan', 'alone');
    commit(source, 'alone');
    git(source, 'checkout', '-q', 'main');
    const { items } = await site.branches(await site.register(source));
    expect(items.map(({ name, ahead, behind, is_default }) => [name, ahead, behind, is_default])).toEqual([
      ['alone', 1, 2, false],
      ['feature', 1, 1, false],
      ['main', 0, 0, true],
    ]);
    expect(items[1]).toEqual({
      name: 'feature',
      head_sha: sha,
      is_default: false,
      subject: 'feat: three',
      author: 'Ada Lovelace',
      author_email: 'ada@example.com',
      committed_at: '2023-11-14T22:13:20.000Z',
      ahead: 1,
      behind: 1,
      owner: null,
    });
  });

  it('come without the figures that are not counted in time, and have them when somebody asks again', async () => {
    const source = site.source(['one', 'two']);
    git(source, 'branch', 'behind', 'HEAD~1');
    const id = await site.register(source);
    const figures = ({ items }: BranchList) => items.map(({ name, ahead, behind }) => [name, ahead, behind]);
    const path = `/repositories/${id}/branches`;
    const waiting = `*' --topo-order '*) echo >> "$here/walks"; while [ ! -e "$here/go" ]; do sleep 0.05; done;;`;
    await withGit(site.scratch, `case " $* " in ${waiting} esac; exec "$real" "$@"`, async (here) => {
      const early = await Promise.all([1, 2].map(() => site.read<BranchList>(path)));
      for (const page of early)
        expect([figures(page), page.counting]).toEqual([
          [
            ['behind', null, null],
            ['main', 0, 0],
          ],
          true,
        ]);
      writeFileSync(join(here, 'go'), '');
      let page = await site.read<BranchList>(path);
      await until(async () => !page.counting || !(page = await site.read<BranchList>(path)).counting);
      expect(figures(page)).toEqual([
        ['behind', 0, 1],
        ['main', 0, 0],
      ]);
      // The one walk that was begun has told, and is not begun again.
      await site.read(path);
      expect(readFileSync(join(here, 'walks'), 'latin1')).toHaveLength(1);
    });
  });

  it('that workers pushed tell whose they are', async () => {
    const source = site.source(['one']);
    const id = await site.register(source);
    const worker = await registerWorker(site.server);
    const task_id = await site.person.task({ repository_id: id });
    const [claimed] = await worker.claim({ max: 1 });
    const { execution_id = '', branch = '' } = claimed ?? {};
    git(source, 'push', '-q', site.mirrorOf(id), `HEAD:refs/heads/${branch}`);
    const { items } = await site.branches(id, 'q=TASK/');
    expect(items).toMatchObject([{ name: branch, owner: { execution_id, task_id, status: 'running' } }]);
    // Another repository may have a branch of that name.
    const other = await site.register(site.source(['one']));
    git(source, 'push', '-q', site.mirrorOf(other), `HEAD:refs/heads/${branch}`);
    expect((await site.branches(other, 'q=task/')).items).toMatchObject([{ name: branch, owner: null }]);
  });

  it('go page by page, also behind one that is gone', async () => {
    const source = site.source(['one']);
    for (let at = 0; at < 11; at++) git(source, 'branch', `b${String(at + 10)}`);
    const id = await site.register(source);
    const first = await site.branches(id, 'limit=5');
    git(source, 'branch', '-q', '-D', 'b14');
    await site.person.post(`/repositories/${id}/sync`);
    const second = await site.branches(id, `limit=5&cursor=${String(first.next_cursor)}`);
    const third = await site.branches(id, `limit=5&cursor=${String(second.next_cursor)}`);
    expect(third.next_cursor).toBeNull();
    const names = [first, second, third].flatMap(({ items }) => items.map(({ name }) => name));
    expect(names).toEqual([...Array.from({ length: 11 }, (_, at) => `b${String(at + 10)}`), 'main']);
  });
});

describe('every character that Git allows', () => {
  const STRANGE = [
    '<script>alert(1)</script>',
    '$(touch${IFS}canary)',
    '`touch${IFS}canary`',
    `"double"and'single'`,
    'a|b;c&d',
    '-x',
    '--output=canary',
    'HEAD',
    'refs/heads/main',
    '雅/ñ/👩‍👩‍👧',
    '%00%0a',
    '{}(),!#',
  ];

  it('in the name of a branch comes back, and names it', async () => {
    const source = site.source(['one']);
    const heads = new Map(STRANGE.map((name) => [name, commit(source, `of ${name}`)]));
    for (const [name, sha] of heads) git(source, 'update-ref', `refs/heads/${name}`, sha);
    for (const name of STRANGE) git(source, 'update-ref', `refs/tags/${name}`, 'HEAD');
    const id = await site.register(source);
    const { items } = await site.branches(id, 'limit=100');
    expect(new Map(items.map(({ name, head_sha }) => [name, head_sha]))).toEqual(
      new Map([...heads, ['main', git(source, 'rev-parse', 'main')]]),
    );
    for (const [name, sha] of heads) {
      // What begins with `refs/` is a full name, and not one of a branch that is called like that.
      const ref = name.startsWith('refs/') ? `refs/heads/${name}` : name;
      const [newest] = (await site.commits(id, `limit=1&ref=${encodeURIComponent(ref)}`)).items;
      expect([name, newest?.sha]).toEqual([name, sha]);
    }
  });

  it('and a name of any length comes back, and names its branch and its tag', async () => {
    const source = site.source(['one', 'two']);
    const name = Array.from({ length: 8 }, () => '雅'.repeat(60)).join('/');
    git(source, 'update-ref', `refs/heads/${name}`, 'HEAD~1');
    git(source, 'update-ref', `refs/tags/${name}`, 'HEAD');
    const id = await site.register(source);
    expect((await site.branches(id)).items.map((branch) => branch.name)).toEqual(['main', name]);
    expect(await site.subjects(id, `ref=${encodeURIComponent(name)}`)).toEqual(['one']);
    expect(await site.subjects(id, `ref=${encodeURIComponent(`refs/tags/${name}`)}`)).toEqual(['two', 'one']);
  });

  it('in a name that looks like a full one leaves the default branch what it is', async () => {
    const source = site.source(['one', 'two', 'three']);
    git(source, 'update-ref', 'refs/heads/refs/heads/main', 'HEAD~2');
    git(source, 'update-ref', 'refs/tags/refs/heads/main', 'HEAD~2');
    const id = await site.register(source);
    expect(await site.subjects(id)).toEqual(['three', 'two', 'one']);
    expect(await site.subjects(id, 'ref=refs/heads/main')).toEqual(['three', 'two', 'one']);
    expect((await site.branches(id)).items).toMatchObject([
      { name: 'main', is_default: true, ahead: 0, behind: 0 },
      { name: 'refs/heads/main', is_default: false, ahead: 0, behind: 2 },
    ]);
    const sha = git(source, 'rev-parse', 'refs/heads/main');
    expect(await refusalOf(site.person.get(`/repositories/${id}/commits?ref=x-0-g${sha.slice(0, 8)}`))).toBe(
      '404 git/ref-not-found',
    );
  });

  it('in the name of an author and in a message comes back', async () => {
    const source = site.source(['one']);
    const tree = git(source, 'rev-parse', 'HEAD^{tree}');
    const names = ['<script>', '$(id)', '"q" \'s\'', 'tab\there', 'pipe|', '雅 👩‍👩‍👧', '\u202eback', 'Ünïcode'];
    for (const [at, name] of names.entries()) {
      // Git takes brackets out of names; whoever writes the object himself may do as he likes.
      const author = name.replace('<', '').replace('>', '');
      const people = `author ${author} <a@${author}> 170000000${String(at)} +0000\ncommitter C <c@d> 170000000${String(at)} +0000`;
      store(
        source,
        Buffer.from(`tree ${tree}\n${people}\n\n${name}\n\n${name}|\0|${name}\n`),
        `refs/heads/b${String(at)}`,
      );
    }
    const id = await site.register(source);
    for (const [at, name] of names.entries()) {
      const author = name.replace('<', '').replace('>', '');
      const [found] = (await site.commits(id, `limit=1&ref=b${String(at)}`)).items;
      expect(found).toMatchObject({
        subject: name,
        body: `${name}|\0|${name}`,
        author: { name: author, email: `a@${author}` },
      });
    }
  });

  it('that is no UTF-8 is a replacement character in a message, and in a name its code', async () => {
    const source = site.source(['one']);
    const tree = git(source, 'rev-parse', 'HEAD^{tree}');
    const people = (name: string) =>
      `author ${name} <a@b> 1700000000 +0000\ncommitter ${name} <a@b> 1700000000 +0000\n`;
    const bytes = Buffer.from(`tree ${tree}\n${people('caf\xe9')}\nna\xefve`, 'latin1');
    const sha = store(source, bytes, 'refs/heads/bytes');
    const said = Buffer.from(`tree ${tree}\n${people('caf\xe9')}encoding ISO-8859-1\n\nna\xefve`, 'latin1');
    store(source, said, 'refs/heads/latin');
    writeFileSync(Buffer.concat([Buffer.from(`${source}/.git/refs/heads/caf`), Buffer.from([0xe9])]), `${sha}\n`);
    const id = await site.register(source);
    expect((await site.commits(id, 'ref=bytes')).items).toMatchObject([
      { subject: 'na\ufffdve', author: { name: 'caf\\xe9' } },
    ]);
    expect((await site.commits(id, 'ref=latin')).items).toMatchObject([{ subject: 'naïve', author: { name: 'café' } }]);
    const named = (await site.branches(id, 'q=caf')).items;
    expect(named).toMatchObject([{ name: 'caf\\xe9', head_sha: sha }]);
    expect(await site.commits(id, 'ref=caf\\xe9')).toMatchObject({ items: [{ sha }] });
    // Its cursor is of the bytes.
    const first = await site.branches(id, 'limit=2');
    const second = await site.branches(id, `limit=2&cursor=${String(first.next_cursor)}`);
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['bytes', 'caf\\xe9', 'latin', 'main']);
  });
});

describe('a repository', () => {
  it('that is empty has no commits and no branches', async () => {
    const source = site.scratch.directory(`roots/${newId()}`);
    git(source, 'init', '-q', '-b', 'main');
    const id = await site.register(source);
    expect(await site.commits(id)).toEqual({ items: [], next_cursor: null });
    expect(await site.branches(id)).toEqual({ items: [], next_cursor: null, counting: false });
    expect(await refusalOf(site.person.get(`/repositories/${id}/commits?ref=main`))).toBe('404 git/ref-not-found');
  });

  it('whose HEAD is at no branch shows all branches, and where that is', async () => {
    const source = site.source(['one']);
    git(source, 'branch', '-m', 'main', 'trunk');
    commit(source, 'two');
    git(source, 'checkout', '-q', '--detach', 'HEAD~1');
    const id = await site.register(source);
    expect(await site.subjects(id)).toEqual(['two', 'one']);
    expect((await site.branches(id)).items).toMatchObject([
      { name: 'detached-head', is_default: false, ahead: 0, behind: 1 },
      { name: 'trunk', is_default: true, ahead: 0, behind: 0 },
    ]);
  });

  it('that is shallow ends where it ends', async () => {
    const whole = site.source(['one', 'two', 'three']);
    const shallow = join(site.scratch.path, `roots/${newId()}`);
    git(site.scratch.path, 'clone', '-q', '--depth', '2', `file://${whole}`, shallow);
    const id = await site.register(shallow);
    const { items } = await site.commits(id);
    expect(items.map(({ subject }) => subject)).toEqual(['three', 'two']);
    // It follows a commit that is not there.
    expect(await site.commit(id, String(items[1]?.sha))).toMatchObject({
      parents: [git(whole, 'rev-parse', 'HEAD~2')],
      diff: { base_sha: null },
    });
    const notice = async () => (await site.read<{ notice: string | null }>(`/repositories/${id}`)).notice;
    expect(await notice()).toMatch(/^The source is a shallow clone/);
    // And is whole once its source is.
    git(shallow, 'fetch', '-q', '--unshallow');
    expect(await site.subjects(id)).toEqual(['three', 'two', 'one']);
    expect(await site.commit(id, String(items[1]?.sha))).toMatchObject({ diff: { base_sha: items[1]?.parents[0] } });
    expect(await notice()).toBeNull();
  });

  it('that is damaged is an error, never an empty list', async () => {
    const source = site.source();
    save(source, { a: 'one' }, 'one');
    const id = await site.register(source);
    const sha = git(source, 'rev-parse', 'HEAD');
    // Nor can it be mended.
    for (const directory of [site.mirrorOf(id), join(source, '.git')])
      rmSync(join(directory, 'objects'), { recursive: true });
    for (const path of ['commits', 'branches', `commits/${sha}`]) {
      const { status, body } = await site.person.get(`/repositories/${id}/${path}`);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(String(body['code'])).toMatch(/^git\//);
      expect(JSON.stringify(body)).not.toContain(site.scratch.path);
    }
  });

  it('of others is not there', async () => {
    const id = await site.register(site.source(['one']));
    const other = await signInPerson(site.server);
    for (const path of ['commits', 'branches', `commits/${'f'.repeat(40)}`]) {
      expect(await refusalOf(other.get(`/repositories/${id}/${path}`))).toBe('404 repository/not-found');
      expect(await refusalOf(site.person.get(`/repositories/${newId()}/${path}`))).toBe('404 repository/not-found');
    }
  });
});
