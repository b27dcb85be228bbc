import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { LinkedSite, type LinkedPlace } from './linked-site.js';
import { withGit } from './replaced-git.js';
import { commit, git } from './scratch-git.js';
import { told } from './worktree-site.js';

let site: LinkedSite;

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(() => site.close());

interface Place extends LinkedPlace {
  /** The linked work tree. */
  at: string;
  /** What git keeps about it. */
  folder: string;
  worktree: string;
}

async function place(...how: string[]): Promise<Place> {
  const made = await site.place();
  const at = made.beside('wt');
  git(made.path, 'worktree', 'add', '-q', ...how, at);
  return { ...made, at, folder: join(made.path, '.git/worktrees/wt'), worktree: (await site.only(made.id)).id };
}

/** A dry run and a clean-up decide the same, for the same reason. */
async function expectDecided({ id }: Place, because: string): Promise<void> {
  for (const dry_run of [true, false])
    expect(await site.cleanUp(id, dry_run, { unused_for_seconds: 0 })).toMatchObject([{ outcome: 'kept', because }]);
  expect((await site.only(id)).kept_because).toBe(because);
}

/** Does something once what a work tree holds has been looked at for the so-manieth time. */
const afterLook = (look: number, command: string): string => `case " $* " in *' status --porcelain '*)
  "$real" "$@"; code=$?
  n=1; while ! mkdir "$here/look-$n" 2>/dev/null; do n=$((n + 1)); done
  if [ $n = ${String(look)} ]; then { ${command}; } >/dev/null 2>&1; fi; exit $code;; esac
  exec "$real" "$@"`;

/** Asks for its removal, and has a command run after that look at it. */
async function removedWith({ worktree }: Place, look: number, command: string, query = ''): Promise<string> {
  let answer = '';
  await withGit(site.scratch, afterLook(look, command), async (here) => {
    answer = told(await site.ada.delete(`/worktrees/${worktree}${query}`));
    rmSync(here, { recursive: true });
  });
  return answer;
}

it('a linked work tree stays while a process works in it, unless somebody says that it goes all the same', async () => {
  const of = await place();
  const child = spawn('sleep', ['300'], { cwd: of.at, stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    const by = `sleep (${String(child.pid)})`;
    await eventually('it sleeps', () => readFileSync(`/proc/${String(child.pid)}/comm`, 'utf8') === 'sleep\n');
    await expectDecided(of, `a process works in it: ${by}`);
    const refusal = await site.ada.delete(`/worktrees/${of.worktree}`);
    expect([told(refusal), refusal.body['detail']]).toEqual([
      '409 worktree/in-use',
      `The worktree stays: a process works in it: ${by}; with force=true it goes all the same.`,
    ]);
    expect((await site.ada.delete(`/worktrees/${of.worktree}?force=true`)).status).toBe(204);
    expect(existsSync(of.at)).toBe(false);
  } finally {
    child.kill('SIGKILL');
  }
});

it('and while git works in it, which a dry run tells, too', async () => {
  const of = await place();
  writeFileSync(join(of.folder, 'index.lock'), '');
  await expectDecided(of, 'git works in it, or was ended in it: index.lock is there');
  rmSync(join(of.folder, 'index.lock'));
  expect((await site.ada.delete(`/worktrees/${of.worktree}`)).status).toBe(204);
});

describe('what comes in between the last look at a linked work tree and its end is not lost', () => {
  it('as when a process has come to work in it', async () => {
    const of = await place();
    // After the first look it is where it was.
    const answer = await removedWith(of, 1, `cd '${of.at}' && sleep 300 & echo $! >'${of.beside('pid')}'`);
    process.kill(Number(readFileSync(of.beside('pid'), 'utf8')), 'SIGKILL');
    expect(answer).toBe('409 worktree/in-use');
    expect(existsSync(join(of.at, 'file'))).toBe(true);
  });

  it.each([
    ['somebody locks it', 'git worktree lock wt'],
    ['its HEAD is led to a commit that is nowhere else', 'git -C "$folder" update-ref --no-deref HEAD "$sha"'],
  ])('as when %s', async (_, command) => {
    for (const query of ['', '?force=true']) {
      const of = await place('--detach');
      rmSync(join(of.folder, 'logs'), { recursive: true });
      const sha = git(of.path, 'commit-tree', '-m', 'alone', '-p', 'main', 'main^{tree}');
      const given = `cd '${of.path}'; folder='${of.folder}'; sha=${sha}`;
      const answer = await removedWith(
        of,
        2,
        `${given}; ${command.replaceAll('git ', '"$real" ')}; rm -rf "$folder/logs"`,
        query,
      );
      expect(answer).toBe('409 worktree/not-removable');
      expect(existsSync(join(of.at, 'file'))).toBe(true);
      git(of.at, 'add', '.');
    }
  });
});

it('what is put in the place of a linked work tree is not taken for it', async () => {
  const of = await place();
  const other = await site.place();
  const moved = of.beside('moved');
  expect(await removedWith(of, 1, `mv '${of.at}' '${moved}'; ln -s '${other.path}' '${of.at}'`)).toBe(
    '409 worktree/busy',
  );
  expect(readlinkSync(of.at)).toBe(other.path);
  expect([other.path, moved].map((path) => existsSync(join(path, 'file')))).toEqual([true, true]);
  rmSync(of.at);
  renameSync(moved, of.at);
  symlinkSync(other.path, of.beside('link'));
  git(of.at, 'add', '.');
});

it('many who clean up and remove at the same time remove each once, and tell it once', async () => {
  const { id, path, beside } = await site.place();
  const names = ['one', 'two', 'three'];
  for (const name of names) git(path, 'worktree', 'add', '-q', '--detach', beside(name));
  const ids = Object.values(await site.ids(id));
  const answers = await Promise.all([
    ...[1, 2].map(() =>
      site.ada.post('/worktrees/cleanup', { dry_run: false, repository_id: id, unused_for_seconds: 0 }),
    ),
    ...ids.map((one) => site.ada.delete(`/worktrees/${one}`)),
  ]);
  for (const { status } of answers) expect([200, 204, 404, 409, 503]).toContain(status);
  await eventually('all are gone', async () => {
    await site.cleanUp(id, false, { unused_for_seconds: 0 });
    return names.every((name) => !existsSync(beside(name)));
  });
  const { rows } = await site.server.sql.query<{ subject: { worktree_id: string } }>(
    `select subject from audit_entries where action = 'worktree.removed'`,
  );
  const audited = rows.map(({ subject }) => subject.worktree_id).filter((one) => ids.includes(one));
  expect(audited.sort()).toEqual([...ids].sort());
});

it('one of a bare repository goes as any other, and the repository is not one of them', async () => {
  const { path, beside } = await site.place();
  const bare = beside('bare.git');
  git(path, 'clone', '-q', '--bare', path, bare);
  const id = await site.register(bare);
  git(bare, 'worktree', 'add', '-q', '--detach', join(bare, 'inside'));
  git(bare, 'worktree', 'add', '-q', '-b', 'work', beside('outside'));
  commit(beside('outside'), 'on a branch');
  expect((await site.list(id)).map((one) => one.path).sort()).toEqual([join(bare, 'inside'), beside('outside')]);
  const decided = async (dry_run: boolean): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await site.cleanUp(id, dry_run, { unused_for_seconds: 0 })).map((one) => [one.path, one.outcome]),
    );
  expect(await decided(true)).toEqual({
    [join(bare, 'inside')]: 'would_be_removed',
    [beside('outside')]: 'would_be_removed',
  });
  expect(await decided(false)).toEqual({ [join(bare, 'inside')]: 'removed', [beside('outside')]: 'removed' });
  git(bare, 'fsck', '--strict');
  expect(git(bare, 'log', '-1', '--format=%s', 'work')).toBe('on a branch');
});
