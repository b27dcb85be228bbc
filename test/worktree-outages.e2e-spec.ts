import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { AuthConfig } from '../src/config/auth.config.js';
import { eventually } from './eventually.js';
import { LinkedSite, type LinkedPlace } from './linked-site.js';
import { withGit } from './replaced-git.js';
import { git } from './scratch-git.js';
import { ServerProcess } from './server-process.js';
import { testEnvironment } from './test-app.js';
import { factsOf, told } from './worktree-site.js';

let site: LinkedSite;

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(() => site.close());

interface Place extends LinkedPlace {
  at: string;
  worktree: string;
}

async function place(): Promise<Place> {
  const made = await site.place();
  const at = made.beside('wt');
  git(made.path, 'worktree', 'add', '-q', '-b', 'work', at);
  return { ...made, at, worktree: (await site.only(made.id)).id };
}

/** Another process of the installation. */
const another = (): ServerProcess =>
  new ServerProcess(
    testEnvironment(site.server.databaseUrl, {
      JWT_SECRET: site.server.app.get(AuthConfig).jwt_secret,
      GIT_ROOT: join(site.scratch.path, 'mirrors'),
      LOCAL_REPOSITORY_ROOTS: join(site.scratch.path, 'roots'),
    }),
  );

/** Git that stands still when it is asked for the so-manieth time what a work tree holds. */
const standingStill = (look: number): string => `case " $* " in *' status --porcelain '*)
  n=1; while ! mkdir "$here/looks/$n"; do n=$((n + 1)); done
  if [ $n = ${String(look)} ]; then echo >"$here/held-$$"; exec sleep 600; fi;; esac 2>/dev/null
  exec "$real" "$@"`;

/** Has a process remove the work tree, and kills it at this look. */
async function killedAt(look: number, worktree: string): Promise<void> {
  await withGit(site.scratch, standingStill(look), async (here) => {
    mkdirSync(join(here, 'looks'));
    const process_ = another();
    const asking = fetch(`${await process_.url()}/api/v1/worktrees/${worktree}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${site.ada.token}` },
    }).catch(() => null);
    const held = (): string[] => readdirSync(here).filter((name) => name.startsWith('held-'));
    await eventually('it is looked at', () => held().length === 1);
    await process_.kill();
    await asking;
    process.kill(Number(held()[0]?.slice('held-'.length)), 'SIGKILL');
    rmSync(here, { recursive: true });
  });
}

/** Git works in it as ever. */
const isWhole = (at: string): boolean => {
  if (!existsSync(join(at, 'file'))) return false;
  try {
    git(at, 'add', '.');
    return true;
  } catch {
    return false;
  }
};

describe('a linked work tree whose removal is cut off by the end of its process', () => {
  it('is as it was once somebody looks, and can be removed', async () => {
    for (const look of [1, 2]) {
      const { id, at, worktree } = await place();
      await killedAt(look, worktree);
      expect([existsSync(at), isWhole(at)]).toEqual([look === 1, false]);
      await eventually('it is back', async () => {
        await site.list(id);
        return isWhole(at);
      });
      expect(await site.only(id)).toMatchObject({ id: worktree, path: at, dirty: false, problem: null });
      expect((await site.ada.delete(`/worktrees/${worktree}`)).status).toBe(204);
      expect(existsSync(at)).toBe(false);
    }
  });

  it('is as it was once a process starts', async () => {
    const { at, worktree } = await place();
    await killedAt(2, worktree);
    const next = another();
    try {
      await next.url();
      await eventually('it is back', () => isWhole(at));
    } finally {
      await next.kill();
    }
  });
});

it('one that somebody removes by hand at this moment is not there, and the others of a clean-up are told as ever', async () => {
  const { id, path, at, worktree, beside } = await place();
  const removing = `case " $* " in *' status --porcelain '*)
    "$real" "$@"; mv "${at}" "${at}-moved"; cd "${path}" && exec "$real" worktree prune --expire=now;; esac
    exec "$real" "$@"`;
  await withGit(site.scratch, removing, async (here) => {
    expect(told(await site.ada.delete(`/worktrees/${worktree}`))).toBe('404 worktree/not-found');
    rmSync(here, { recursive: true });
  });
  const names = ['one', 'two', 'three'];
  for (const name of names) git(path, 'worktree', 'add', '-q', '--detach', beside(name));
  const ids = await site.ids(id);
  // The fourth look is the first of those that are out of their places by then.
  const cutting = `case " $* " in *' status --porcelain '*)
    n=1; while ! mkdir "$here/looks/$n"; do n=$((n + 1)); done
    [ $n = 4 ] && rm -r "${path}/.git/worktrees/two";; esac 2>/dev/null
    exec "$real" "$@"`;
  await withGit(site.scratch, cutting, async (here) => {
    mkdirSync(join(here, 'looks'));
    const decisions = await site.cleanUp(id, false, { unused_for_seconds: 0 });
    const outcomes = Object.fromEntries(decisions.map((one) => [basename(one.path), one.outcome]));
    expect(outcomes).toEqual({ one: 'removed', two: 'refused', three: 'removed' });
    rmSync(here, { recursive: true });
  });
  expect(names.map((name) => existsSync(beside(name)))).toEqual([false, true, false]);
  const { rows } = await site.server.sql.query<{ subject: { worktree_id: string } }>(
    `select subject from audit_entries where action = 'worktree.removed' order by id`,
  );
  const audited = rows.map(({ subject }) => subject.worktree_id).filter((one) => Object.values(ids).includes(one));
  expect(audited.sort()).toEqual([ids['one'], ids['three']].sort());
  for (const one of audited)
    expect((await factsOf(site.ada, one, 'worktree.removed')).at(-1)).toMatchObject({ data: { lost: [] } });
});
