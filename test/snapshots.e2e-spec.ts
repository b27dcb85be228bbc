import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { withGit } from './replaced-git.js';
import { packOf, RunningSite, type WorkInProgress } from './running-site.js';
import { commit, git, GIT_ENVIRONMENT } from './scratch-git.js';

let site: RunningSite;

beforeAll(async () => {
  site = await RunningSite.open();
});
afterAll(() => site.close());

const folderOf = (repository: string, execution: string): string =>
  join(site.scratch.path, 'mirrors/.snapshots', repository, execution);
/** Files of the packs that are kept of an execution. */
const packsOf = (repository: string, execution: string, end: string): string[] => {
  const folder = join(folderOf(repository, execution), 'objects/pack');
  return readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name));
};
function write(file: string, bytes: Buffer): void {
  // Git makes its packs read-only.
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);
}

describe('a snapshot that is damaged on the disk', () => {
  const damages: Record<string, (repository: string, execution: string) => void> = {
    'its pack is cut off': (...of) => {
      for (const file of packsOf(...of, '.pack')) {
        chmodSync(file, 0o600);
        truncateSync(file, 60);
      }
    },
    'its pack is empty': (...of) => {
      for (const file of packsOf(...of, '.pack')) write(file, Buffer.alloc(0));
    },
    'bytes of its pack have changed': (...of) => {
      for (const file of packsOf(...of, '.pack')) {
        const bytes = readFileSync(file);
        write(file, bytes.fill(0xff, 12, bytes.length - 20));
      }
    },
    'its index is of zeros': (...of) => {
      for (const file of packsOf(...of, '.idx')) write(file, Buffer.alloc(readFileSync(file).length));
    },
    'its pack is gone': (...of) => {
      for (const file of packsOf(...of, '.pack')) rmSync(file);
    },
    'what is in its files is missing': (...of) => {
      const mirror = join(site.scratch.path, 'mirrors', `${of[0]}.git`);
      const folder = join(folderOf(...of), 'objects/pack');
      for (const file of packsOf(...of, '.idx')) {
        const listed = git(mirror, 'verify-pack', '-v', file).matchAll(/^([0-9a-f]{40}) (commit|tree) /gm);
        const names = [...listed].map(([, name]) => `${String(name)}\n`).join('');
        const env = { ...GIT_ENVIRONMENT, GIT_ALTERNATE_OBJECT_DIRECTORIES: `"${join(folder, '..')}"` };
        execFileSync('git', ['pack-objects', '-q', join(folder, 'pack')], { cwd: mirror, env, input: names });
        for (const end of ['.idx', '.pack']) rmSync(file.replace('.idx', end));
      }
    },
  };

  it.each(Object.entries(damages))(
    '%s: what was pushed is looked at, of that one only, until the next',
    async (_, damage) => {
      const repository = await site.repository();
      const { id, source } = repository;
      const [pushed, unpushed, sound] = [await site.execution(id), await site.execution(id), await site.execution(id)];
      const commit_sha = await site.push(repository, pushed, { two: 'pushed\n' });
      const wips = [pushed, unpushed, sound].map(({ id: mine }) => {
        const { sha, pack } = site.workInProgress(source, { one: `${mine}\n`, two: `${mine}\n` });
        return { execution: mine, sha, pack };
      });
      for (const { execution, sha, pack } of wips) expect(await site.send(id, execution, sha, pack)).toBe('204');
      const before = await site.foretell(id);
      expect(before.executions.map(({ seen_in }) => seen_in)).toEqual(['checkout', 'checkout', 'checkout']);
      for (const one of [pushed, unpushed]) damage(id, one.id);

      const forecast = await site.foretell(id);
      const heads = Object.fromEntries(forecast.executions.map(({ execution_id, ...head }) => [execution_id, head]));
      expect(heads[pushed.id]).toMatchObject({ seen_in: 'push', commit_sha, files_changed: 1 });
      expect(heads[unpushed.id]).toMatchObject({ seen_in: null, commit_sha: null, files_changed: null });
      expect(heads[sound.id]).toMatchObject({ seen_in: 'checkout', files_changed: 2 });
      expect(forecast.pairs).toMatchObject([{ verdict: 'conflict', conflicts: ['two'] }]);

      const next = site.workInProgress(source, { one: 'mine\n', two: 'mine\n', three: 'mine\n' });
      for (const { execution, sha } of wips.slice(0, 2)) {
        // It has nothing of it any more, and says so.
        expect(await site.send(id, execution, sha)).toBe('409 git/snapshot-unknown');
        expect(await site.send(id, execution, next.sha, next.pack)).toBe('204');
      }
      expect((await site.foretell(id)).executions.map((head) => head.files_changed).sort()).toEqual([2, 3, 3]);
    },
  );

  const changed = 'bytes of its pack have changed';

  it('a diff is then of what was pushed, or there is none', async () => {
    const repository = await site.repository();
    const { id, source } = repository;
    const [pushed, unpushed] = [await site.execution(id), await site.execution(id)];
    await site.push(repository, pushed, { two: 'pushed\n' });
    const wip = site.workInProgress(source, { one: 'mine\n' });
    for (const one of [pushed, unpushed]) {
      expect(await site.send(id, one.id, wip.sha, wip.pack)).toBe('204');
      damages[changed]?.(id, one.id);
    }
    expect(await site.ada.get(`/executions/${pushed.id}/diff`)).toMatchObject({
      ...{ status: 200, body: { seen_in: 'push', files: [{ path: 'two' }] } },
    });
    expect(await site.ada.get(`/executions/${unpushed.id}/diff`)).toMatchObject({
      ...{ status: 409, body: { code: 'execution/nothing-pushed' } },
    });
  });

  it('the very same one heals it', async () => {
    const { id, source } = await site.repository();
    const one = await site.execution(id);
    const wip = site.workInProgress(source, { one: 'mine\n' });
    expect(await site.send(id, one.id, wip.sha, wip.pack)).toBe('204');
    damages[changed]?.(id, one.id);
    expect(await site.send(id, one.id, wip.sha, wip.pack)).toBe('204');
    expect((await site.foretell(id)).executions).toMatchObject([{ seen_in: 'checkout', files_changed: 1 }]);
  });
});

it('a snapshot is whole with the repository alone, not with the snapshot before it', async () => {
  const { id, source } = await site.repository();
  const { id: execution } = await site.execution(id);
  const first = site.workInProgress(source, { one: 'mine\n', two: 'mine\n' });
  expect(await site.send(id, execution, first.sha, first.pack)).toBe('204');
  // As if the one before were kept for ever.
  writeFileSync(join(first.clone, 'one'), 'more\n');
  git(first.clone, 'add', '--all');
  const more = commit(first.clone, 'more');
  expect(await site.send(id, execution, more, packOf(first.clone, `${more}\n^${first.sha}\n`))).toBe(
    '400 git/request-refused',
  );
  expect((await site.foretell(id)).executions).toMatchObject([{ seen_in: 'checkout', files_changed: 2 }]);
});

it('what runs in a repository whose history is cut off is foretold and can be read', async () => {
  const { source } = await site.repository();
  commit(source, 'feat: second');
  const shallow = join(site.scratch.path, 'roots/shallow');
  git(site.scratch.path, 'clone', '-q', '--depth=1', `file://${source}`, shallow);
  const id = await site.register(shallow);
  const [one, other] = [await site.execution(id), await site.execution(id)];
  const mine = site.workInProgress(shallow, { one: 'mine\n' });
  const yours = site.workInProgress(shallow, { one: 'yours\n' });
  expect(await site.send(id, one.id, mine.sha, mine.pack)).toBe('204');
  expect(await site.send(id, other.id, yours.sha, yours.pack)).toBe('204');
  const forecast = await site.foretell(id);
  expect(forecast.executions.map(({ seen_in, files_changed }) => [seen_in, files_changed])).toEqual([
    ['checkout', 1],
    ['checkout', 1],
  ]);
  expect(forecast.pairs).toMatchObject([{ verdict: 'conflict', conflicts: ['one'] }]);
  expect(await site.ada.get(`/executions/${one.id}/diff`)).toMatchObject({
    ...{ status: 200, body: { seen_in: 'checkout', files: [{ path: 'one' }] } },
  });
});

it('one snapshot of an execution is taken at a time', async () => {
  const { id, source } = await site.repository();
  const { id: execution } = await site.execution(id);
  const wip = site.workInProgress(source, { one: 'mine\n' });
  const { sent, finish } = beginUpload(id, execution, wip);
  const views = join(site.scratch.path, 'mirrors/.views');
  await eventually('the first one is under way', () =>
    readdirSync(views, { recursive: true }).some((name) => String(name).endsWith('pack-received.pack')),
  );
  expect(await site.send(id, execution, wip.sha, wip.pack)).toBe('503 git/snapshots-busy');
  finish();
  expect(await sent).toBe(204);
  expect(await site.send(id, execution, wip.sha)).toBe('204');
});

it('a few are looked into at a time, however many come, and all are taken', async () => {
  const { id, source } = await site.repository();
  const most = Math.min(4, availableParallelism());
  const executions: string[] = [];
  for (let at = 0; at < most + 3; at++) executions.push((await site.execution(id)).id);
  const wip = site.workInProgress(source, { one: 'mine\n' });
  expect(await site.send(id, String(executions[0]), wip.sha, wip.pack)).toBe('204');
  const counting = `case " $* " in *' index-pack '*)
    mkdir -p "$here/now"; touch "$here/now/$$"; ls "$here/now" | wc -l >> "$here/counts"
    until [ -e "$here/go" ]; do sleep 0.02; done
    "$real" "$@"; code=$?; rm "$here/now/$$"; exit $code;; esac
    exec "$real" "$@"`;
  await withGit(site.scratch, counting, async (here) => {
    const counts = (): number[] => {
      const file = join(here, 'counts');
      return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
    };
    const sent = Promise.all(executions.map((one) => site.send(id, one, wip.sha, wip.pack)));
    await eventually('all places are taken', () => counts().length === most);
    writeFileSync(join(here, 'go'), '');
    expect(await sent).toEqual(executions.map(() => '204'));
    expect(counts()).toHaveLength(executions.length);
    expect(Math.max(...counts())).toBe(most);
  });
});

it('takes none while the disk is almost full, and says so', async () => {
  const full = await RunningSite.open({ GIT_MIN_FREE: '999999999999999' });
  try {
    const repository = await full.repository();
    const { id, source } = repository;
    const execution = await full.execution(id);
    // The room is for this.
    await full.push(repository, execution, { two: 'pushed\n' });
    const wip = full.workInProgress(source, { one: 'mine\n' });
    expect(await full.send(id, execution.id, wip.sha, wip.pack)).toBe('503 git/no-room');
    expect((await full.foretell(id)).executions).toMatchObject([{ seen_in: 'push', files_changed: 1 }]);
  } finally {
    await full.close();
  }
});

/** Sends half of a snapshot; the rest when it is told to. */
function beginUpload(
  repository: string,
  execution: string,
  { sha, pack }: WorkInProgress,
): { sent: Promise<number>; finish: () => void } {
  const upload = request(`${site.server.url}/git/${repository}.git/git-snapshot?commit=${sha}`, {
    method: 'POST',
    auth: `${execution}:${site.worker.token}`,
    headers: { 'content-type': 'application/x-git-snapshot-request', 'content-length': pack.length },
  });
  const sent = new Promise<number>((resolve, reject) => {
    upload.once('error', reject);
    upload.once('response', (answer) => {
      answer.resume();
      resolve(Number(answer.statusCode));
    });
  });
  upload.write(pack.subarray(0, 20));
  return { sent, finish: () => upload.end(pack.subarray(20)) };
}
