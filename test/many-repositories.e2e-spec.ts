import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { Caller, type LogEntry } from './caller.js';
import { NEW_YEAR } from './deployment-site.js';
import { eventually } from './eventually.js';
import { GitSite } from './git-site.js';
import { loseObject } from './lost-objects.js';
import { withGit } from './replaced-git.js';
import { commit, git } from './scratch-git.js';
import type { TestApp } from './test-app.js';

/** More than can be read at once. */
const COUNT = 22;
/** So many are read at once, each fetch with the other side as a git of its own, and as many fetches may go on behind. */
const MOST_GITS = 3 * 4;

interface Unread {
  repository_id: string;
  code: string;
  detail: string;
}

interface List {
  items: (LogEntry & { version?: string; status?: string })[];
  next_cursor: string | null;
  unread: Unread[];
}

let site: GitSite;
let server: TestApp;
let caller: Caller;
const sources: string[] = [];
const ids: string[] = [];

beforeAll(async () => {
  site = await GitSite.open();
  server = site.server;
  caller = await Caller.signIn(server);
  for (let at = 0; at < COUNT; at++) {
    const source = site.source([]);
    // In turns, and every three of the same second.
    for (const round of [0, 1])
      commit(source, `feat: ${String(at)} ${String(round)}`, NEW_YEAR + Math.floor((round * COUNT + at) / 3));
    git(source, 'tag', `v${String(at)}`);
    sources.push(source);
    ids.push((await caller.register(source)).id);
  }
});
afterAll(() => site.close());

const mirror = (id: string): string => site.mirrorOf({ id });

const read = async (path: string): Promise<List> => (await caller.get(path).expect(200)).body as List;

/** A list of which something is to be so: a machine that is busy leaves out more, for which there was no time. */
async function once(path: string, isSo: (list: List) => boolean): Promise<List> {
  let list = await read(path);
  await eventually(`${path} is as it is to be`, async () => isSo(list) || isSo((list = await read(path))));
  return list;
}

const isMissing = ({ unread }: List, ids: readonly string[]): boolean =>
  sorted(unread.map(({ repository_id }) => repository_id)).join() === sorted(ids).join();

/** A list in which these repositories alone are missing. */
const whole = (path: string, missing: readonly string[] = []): Promise<List> =>
  once(path, (list) => isMissing(list, missing));

async function pages(path: string): Promise<List['items']> {
  const items: List['items'] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: List = await whole(`${path}&${cursor === '' ? '' : `cursor=${cursor}`}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}

const sorted = (texts: readonly (string | undefined)[]): string[] => texts.map(String).sort();

const messages = Array.from({ length: COUNT }, (_, at) => [`feat: ${String(at)} 0`, `feat: ${String(at)} 1`]).flat();

/** Has every git note when it begins and when it ends, and gives how many there were, and at most at once. */
async function gitsDuring(work: () => Promise<unknown>): Promise<{ count: number; most: number }> {
  let notes = '';
  const script = `echo + >> "$here/notes"; "$real" "$@"; status=$?; echo - >> "$here/notes"; exit $status`;
  await withGit(site.scratch, script, async (here) => {
    writeFileSync(join(here, 'notes'), '');
    await work();
    notes = readFileSync(join(here, 'notes'), 'latin1');
  });
  let [now, most, count] = [0, 0, 0];
  for (const note of notes.trim().split('\n')) {
    now += note === '+' ? 1 : -1;
    count += note === '+' ? 1 : 0;
    most = Math.max(most, now);
  }
  return { count, most };
}

describe('a list of many repositories', () => {
  it('has the commits of all, newest first, page by page without a gap or a double', async () => {
    // One that is in two repositories comes once.
    const copy = join(site.scratch.path, 'roots', 'copy');
    git(site.scratch.path, 'clone', '-q', sources[0] ?? '', copy);
    const { id } = await caller.register(copy);
    const entries = await pages('/logs?limit=7');
    const times = entries.map(({ timestamp }) => timestamp);
    expect(times).toEqual([...times].sort().reverse());
    expect(sorted(entries.map(({ message }) => message))).toEqual(sorted(messages));
    expect((await pages('/logs?limit=5&q=feat:%202')).map(({ message }) => message)).toEqual(
      entries.map(({ message }) => message).filter((message) => message.startsWith('feat: 2')),
    );
    await caller.delete(`/repositories/${id}`).expect(204);
  });

  it('has the versions of all, recorded or not, page by page without a gap or a double', async () => {
    const first = await pages('/deployments?limit=5');
    expect(sorted(first.map(({ version }) => version))).toEqual(sorted(sources.map((_, at) => `v${String(at)}`)));
    await caller.post('/deployments', { repository_id: ids[3], version: 'v3', status: 'success' }).expect(201);
    const then = await pages('/deployments?limit=5');
    expect(then.map(({ version }) => version)).toEqual(first.map(({ version }) => version));
    expect(then.filter(({ status }) => status === 'success')).toMatchObject([{ version: 'v3' }]);
  });

  it('shows what was committed and tagged a moment ago in any of them', async () => {
    const [source = ''] = sources;
    commit(source, 'feat: just now', NEW_YEAR + 1000);
    git(source, 'tag', 'v-just-now');
    await once('/logs?limit=1', ({ items }) => items[0]?.message === 'feat: just now');
    await once('/deployments?limit=1', ({ items }) => items[0]?.version === 'v-just-now');
  });

  it.each(['/logs?limit=50', '/logs?limit=50&q=feat', '/logs?limit=50&path=a', '/deployments?limit=100'])(
    'is read with a few gits at once: %s',
    async (path) => {
      // Nothing is remembered of what the references are now.
      for (const id of ids) git(mirror(id), 'update-ref', `refs/heads/task/of-${newId()}`, 'main');
      for (const source of sources) git(source, 'tag', `tag-${newId()}`);
      const { count, most } = await gitsDuring(() => whole(path));
      expect(count).toBeGreaterThan(COUNT);
      expect(most).toBeLessThanOrEqual(MOST_GITS);
    },
  );

  it('names what cannot be read beside the others; asked for alone, or when there is no other, that is an error', async () => {
    const [broken = '', ...others] = ids;
    const unknown = await caller.post('/repositories', { clone_url: 'https://no.such.host.invalid/x.git' }).expect(201);
    const { id: fetching } = unknown.body as { id: string };
    // Nor can its source be read.
    const sha = git(sources[0] ?? '', 'rev-parse', 'main~1');
    for (const directory of [mirror(broken), join(sources[0] ?? '', '.git')]) loseObject(directory, sha);
    const { items, unread } = await whole('/logs?limit=100', [broken, fetching]);
    expect(unread.find(({ repository_id }) => repository_id === broken)).toMatchObject({
      code: 'git/failed',
      detail: 'The repository is damaged: objects or references are missing or broken.',
    });
    expect(sorted(items.map(({ message }) => message))).toEqual(sorted(messages.slice(2)));
    // There are other messages where there is another filter, and damage is only found where it is come to.
    expect((await whole('/logs?limit=100&q=feat:%2021', [broken, fetching])).items).toHaveLength(2);
    const alone = `/logs?${others
      .slice(0, 20)
      .map((id) => `without=${id}`)
      .join('&')}`;
    expect((await whole(alone, [broken, fetching])).items).toHaveLength(2);
    await caller.get(`/logs?repository_id=${broken}`).expect(409);
    await caller.get(`/logs?repository_id=${fetching}`).expect(503);
    await caller.delete(`/repositories/${others[20] ?? ''}?force=true`).expect(204);
    // Now there is nothing but failures.
    await caller.get(alone).expect(503);
  });

  it('has what was recorded of a repository whose tags cannot be read', async () => {
    const [[, source = ''], [, broken = '']] = [sources, ids];
    git(source, 'tag', '-f', '-a', '-m', 'one', 'v1', 'main~1');
    await caller.post(`/repositories/${broken}/sync`, {}).expect(200);
    await caller.post('/deployments', { repository_id: broken, version: 'v1', status: 'success' }).expect(201);
    // What the tag leads to: it would go from the mirror with the next fetch if it were broken itself.
    const sha = git(source, 'rev-parse', 'main~1');
    for (const directory of [mirror(broken), join(source, '.git')]) loseObject(directory, sha);
    const failure = ({ unread }: List): Unread | undefined =>
      unread.find(({ repository_id }) => repository_id === broken);
    const list = await once('/deployments?limit=100', (one) => failure(one)?.detail.includes('damaged') === true);
    expect(failure(list)).toMatchObject({ code: 'git/failed' });
    expect(list.items.filter(({ version }) => version === 'v1')).toMatchObject([{ status: 'success' }]);
    await caller.get(`/deployments?repository_id=${broken}`).expect(409);
  });
});
