import { existsSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signInPerson } from './fleet.js';
import { LinkedSite, type LinkedPlace } from './linked-site.js';
import { commit, git } from './scratch-git.js';
import { factsOf, told, type ListedWorktree, type WorktreeAnswer } from './worktree-site.js';

let site: LinkedSite;

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(() => site.close());

interface Place extends LinkedPlace {
  /** Adds a work tree on a branch of its name, last used two days ago; gives its path. */
  add: (name: string) => string;
  ids: () => Promise<Record<string, string>>;
}

async function place(): Promise<Place> {
  const made = await site.place();
  const { id, path, beside } = made;
  const add = (name: string): string => {
    git(path, 'worktree', 'add', '-q', '-b', name, beside(name));
    age(beside(name));
    return beside(name);
  };
  return { ...made, add, ids: () => site.ids(id) };
}

const TWO_DAYS_AGO = Date.now() / 1000 - 2 * 86_400;

function age(path: string): void {
  for (const name of ['.git', 'file', '']) utimesSync(join(path, name), TWO_DAYS_AGO, TWO_DAYS_AGO);
}

describe('a linked work tree', () => {
  it('is gone when that is answered; its branch stays, and the removal is told', async () => {
    const { id, path, add, ids } = await place();
    const worktree = add('done');
    const one = (await ids())['done'] ?? '';
    expect((await site.ada.delete(`/worktrees/${one}`)).status).toBe(204);
    expect(existsSync(worktree)).toBe(false);
    expect(git(path, 'branch', '--list', 'done')).toContain('done');
    expect(await ids()).toEqual({});
    expect(told(await site.ada.delete(`/worktrees/${one}`))).toBe('404 worktree/not-found');
    expect((await factsOf(site.ada, one, 'worktree.removed')).at(-1)).toMatchObject({
      subject: { worktree_id: one, repository_id: id },
      data: { kind: 'linked', path: worktree, branch: 'done', forced: false, lost: [] },
    });
    const { rows } = await site.server.sql.query(`select subject from audit_entries where action = 'worktree.removed'`);
    expect(rows).toContainEqual({ subject: { worktree_id: one, repository_id: id } });
  });

  it('stays when it holds what is nowhere else, which is named, unless that is to be lost', async () => {
    const { path, add, ids } = await place();
    const dirty = add('dirty');
    writeFileSync(join(dirty, 'notes'), 'x');
    const alone = add('alone');
    git(alone, 'switch', '-q', '--detach');
    commit(alone, 'nowhere else');
    for (const [name, loss] of [
      ['dirty', '1 file in no commit: notes'],
      ['alone', '1 commit that is nowhere else'],
    ] as const) {
      const one = (await ids())[name] ?? '';
      const refusal = await site.ada.delete(`/worktrees/${one}`);
      expect(told(refusal)).toBe('409 worktree/holds-work');
      expect(refusal.body).toMatchObject({ would_lose: [loss] });
      expect(refusal.body['detail']).toContain(loss);
      expect(existsSync(join(path, '..', name))).toBe(true);
      expect((await site.ada.delete(`/worktrees/${one}?force=true`)).status).toBe(204);
      expect(existsSync(join(path, '..', name))).toBe(false);
      expect((await factsOf(site.ada, one, 'worktree.removed')).at(-1)?.data).toMatchObject({
        forced: true,
        lost: [loss],
      });
    }
  });

  it('stays whoever asks when it is locked, or when git works in it', async () => {
    const { path, add, ids } = await place();
    git(path, 'worktree', 'lock', '--reason', 'mine', add('locked'));
    add('busy');
    writeFileSync(join(path, '.git/worktrees/busy/index.lock'), '');
    const { locked = '', busy = '' } = await ids();
    const refusal = await site.ada.delete(`/worktrees/${locked}?force=true`);
    expect(told(refusal)).toBe('409 worktree/in-use');
    expect(refusal.body['detail']).toBe('The worktree stays: it is locked: mine.');
    expect(told(await site.ada.delete(`/worktrees/${busy}?force=true`))).toBe('409 worktree/busy');
    expect(told(await site.ada.delete(`/worktrees/${busy}?force=yes`))).toBe('400 request/invalid');
    expect(Object.keys(await ids()).sort()).toEqual(['busy', 'locked']);
  });

  it('stays when the repository is registered by it', async () => {
    const { add } = await place();
    const path = add('registered');
    // One organization has a repository once, by whichever of its work trees.
    const bob = await signInPerson(site.server);
    const { body } = await bob.post('/repositories', { local_path: path });
    const { body: list } = await bob.get(`/worktrees?repository_id=${String(body['id'])}`);
    const [one] = (list as unknown as WorktreeAnswer).items;
    expect(told(await bob.delete(`/worktrees/${one?.id ?? ''}?force=true`))).toBe('409 worktree/in-use');
  });

  it('is told to be gone, once, by whoever looks first after somebody has removed it by hand', async () => {
    const { id, path, add, ids } = await place();
    add('by-hand');
    add('replaced');
    const { 'by-hand': one = '', replaced = '' } = await ids();
    git(path, 'worktree', 'remove', join(path, '../by-hand'));
    git(path, 'worktree', 'remove', join(path, '../replaced'));
    // What has its name now is another one.
    git(path, 'worktree', 'add', '-q', join(path, '../replaced'), 'replaced');
    utimesSync(join(path, '.git/worktrees/replaced/commondir'), TWO_DAYS_AGO, TWO_DAYS_AGO);
    const now = await Promise.all([ids(), ids(), ids()]);
    expect(Object.keys(now[0] ?? {})).toEqual(['replaced']);
    expect((await ids())['replaced']).not.toBe(replaced);
    for (const gone of [one, replaced]) {
      const facts = await factsOf(site.ada, gone, 'worktree.removed');
      expect(facts).toHaveLength(1);
      expect(facts[0]).toMatchObject({
        subject: { worktree_id: gone, repository_id: id },
        data: { kind: 'linked', name: gone === one ? 'by-hand' : 'replaced', found_gone: true },
      });
    }
  });

  it('is not removed by others', async () => {
    const { add, ids } = await place();
    add('mine');
    const { mine = '' } = await ids();
    const other = await signInPerson(site.server);
    expect(told(await other.delete(`/worktrees/${mine}?force=true`))).toBe('404 worktree/not-found');
    expect(await ids()).toEqual({ mine });
  });
});

describe('a clean-up', () => {
  it('and who asks leave what is not said to be gone: its disk may be away', async () => {
    const { id, path, add } = await place();
    const codes = { loop: 'ELOOP', long: 'ENAMETOOLONG' };
    for (const name of Object.keys(codes)) rmSync(add(name), { recursive: true });
    symlinkSync('loop', join(path, '../loop'));
    writeFileSync(join(path, '.git/worktrees/long/gitdir'), `${join(path, '..', 'long'.repeat(100))}/.git\n`);
    const found = await site.list(id);
    for (const [name, code] of Object.entries(codes)) {
      const problem = `It cannot be told what is at its path: the disk says ${code}.`;
      const one = found.find((each) => each.problem === problem) as ListedWorktree;
      expect([name, one]).toMatchObject([name, { prunable: false, dirty: null, size_bytes: null }]);
      expect(told(await site.ada.delete(`/worktrees/${one.id}`))).toMatch(/^409 worktree\/(unread|not-removable)$/);
    }
    for (const decision of await site.cleanUp(id, false, { unused_for_seconds: 0 })) {
      const because = expect.stringMatching(/^it could not be looked at: .*the disk says E/) as unknown;
      expect(decision).toMatchObject({ outcome: 'kept', because });
    }
    expect(await site.list(id)).toHaveLength(2);
  });

  it('decides the same in a dry run, with a reason for each, and removes what may go', async () => {
    const { id, path, add, ids } = await place();
    const [merged, pushed, unpushed, dirty, locked, gone, away] = [
      ...['merged', 'pushed', 'unpushed', 'dirty', 'locked', 'gone', 'away'].map(add),
    ] as [string, string, string, string, string, string, string];
    commit(unpushed, 'mine alone');
    git(path, 'update-ref', 'refs/remotes/origin/pushed', commit(pushed, 'elsewhere, too'));
    git(path, 'update-ref', 'refs/remotes/origin/main', 'main');
    writeFileSync(join(dirty, 'notes'), 'x');
    git(path, 'worktree', 'lock', locked);
    git(path, 'worktree', 'add', '-q', '--detach', join(path, '../fresh'));
    for (const path of [gone, away]) rmSync(path, { recursive: true });
    for (const name of ['HEAD', 'index', 'commondir', 'logs/HEAD'])
      utimesSync(join(path, '.git/worktrees/gone', name), TWO_DAYS_AGO, TWO_DAYS_AGO);
    const run = async (dry_run: boolean): Promise<Record<string, string[]>> => {
      const decisions = await site.cleanUp(id, dry_run);
      return Object.fromEntries(decisions.map((one) => [one.path.split('/').at(-1) ?? '', [one.outcome, one.because]]));
    };
    const planned = await run(true);
    expect(planned).toEqual({
      merged: ['would_be_removed', 'nothing in it is uncommitted, and its commits are in the default branch'],
      pushed: ['would_be_removed', 'nothing in it is uncommitted, and its commits are elsewhere, too'],
      gone: ['would_be_removed', 'its directory is gone'],
      // Its disk may be back in a moment.
      away: ['kept', 'its directory is gone, though it was used a short while ago'],
      unpushed: ['kept', '1 commit that is on no remote, though they stay on the branch unpushed here'],
      dirty: ['kept', '1 file in no commit: notes'],
      locked: ['kept', 'it is locked'],
      fresh: ['kept', 'it was used a short while ago'],
    });
    expect(Object.keys(await ids())).toHaveLength(8);
    const done = await run(false);
    const asDone = ([outcome, because]: string[]) => [outcome === 'would_be_removed' ? 'removed' : outcome, because];
    expect(done).toEqual(Object.fromEntries(Object.entries(planned).map(([name, one]) => [name, asDone(one)])));
    expect(Object.keys(await ids()).sort()).toEqual(['away', 'dirty', 'fresh', 'locked', 'unpushed']);
    expect([merged, pushed, dirty, unpushed, locked].map(existsSync)).toEqual([false, false, true, true, true]);
  });
});
