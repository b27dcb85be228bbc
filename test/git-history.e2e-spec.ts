import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { figure, progress } from './figures.js';
import { registerWorker } from './fleet.js';
import { liveProcesses, until } from './git-processes.js';
import { fastImport, HistorySite, pushed, type Page } from './history-site.js';
import { longHistory } from './long-history.js';
import { endless, withGit } from './replaced-git.js';
import { crowding, GONE_MS, isWithin, measured, PAGE_MS, promiseTime } from './promised-time.js';
import { PATIENCE_MS, size } from './scale.js';
import { git } from './scratch-git.js';

const COMMITS = size({ full: 100_000, short: 20_000 });
const BRANCHES = size({ full: 1000, short: 100 });
const LIMIT = 20;
/** What a view of a history may take of memory, however long that is. */
const MOST_MIB = 256;
const TAGS = 200;
/** The page that is compared with the first one. */
const DEEP = size({ full: 1001, short: 201 });
/** What one request looks at before it answers a short page. */
const MOST_SCANNED = 20_000;

let site: HistorySite;
let id: string;
let source: string;
/** Places in the history, each as many pages of a hundred on as its index says. */
const cursors: string[] = [];

beforeAll(async () => {
  site = await HistorySite.start();
  source = site.source();
  await fastImport(source, longHistory(COMMITS, BRANCHES));
  git(source, 'branch', '-q', '-D', 'side');
  const commits = git(source, 'rev-list', 'main').split('\n');
  for (let at = 0; at < TAGS; at += 1)
    git(
      source,
      'tag',
      `v1.${String(at)}.0`,
      commits[Math.floor(((TAGS - 1 - at) * (commits.length - 1)) / TAGS)] ?? '',
    );
  for (const name of ['one', 'two']) {
    const path = join(site.scratch.path, 'roots', `work-${name}`);
    git(source, 'worktree', 'add', '-q', '-b', `work-${name}`, path, 'main');
    writeFileSync(join(path, 'new'), name);
  }
  id = await site.register(source);
  await until(async () => (await site.read<{ status: string }>(`/repositories/${id}`)).status === 'ready', PATIENCE_MS);
}, PATIENCE_MS);
afterAll(() => site.stop());

/** Counts what passes through git: commits that it is asked to read, and those it walks over. */
const COUNTING = `
case " $* " in
  *" cat-file "*|*" diff-tree "*)
    cat >"$here/in.$$"; echo "$(wc -l <"$here/in.$$") read" >>"$here/counts"; "$real" "$@" <"$here/in.$$";;
  *" rev-list "*)
    cat >"$here/in.$$"; "$real" "$@" <"$here/in.$$" >"$here/out.$$"; code=$?
    echo "$(wc -l <"$here/out.$$") walked" >>"$here/counts"; cat "$here/out.$$"; exit $code;;
  *) exec "$real" "$@";;
esac`;

interface Cost {
  walked: number;
  read: number;
  ms: number;
}

/** What git has to do for a request, and how long it takes. */
async function costOf(path: string): Promise<Cost> {
  const began = performance.now();
  await site.read(path);
  const ms = performance.now() - began;
  const cost = { walked: 0, read: 0, ms };
  await withGit(site.scratch, COUNTING, async (here) => {
    writeFileSync(join(here, 'counts'), '');
    await site.read(path);
    for (const [, count, what] of readFileSync(join(here, 'counts'), 'utf8').matchAll(/(\d+) (read|walked)/g))
      cost[what === 'read' ? 'read' : 'walked'] += Number(count);
  });
  return cost;
}

const said = (cost: Cost): string =>
  `${String(cost.walked)} walked, ${String(cost.read)} read, ${cost.ms.toFixed(0)} ms`;

/** Prints what some work takes of memory at most, which must be within what is promised whatever the size. */
async function bounded(what: string, work: () => Promise<unknown>): Promise<void> {
  const rss = (): number => process.memoryUsage.rss() / 2 ** 20;
  const before = rss();
  let most = before;
  const look = setInterval(() => (most = Math.max(most, rss())), 10);
  await work().finally(() => clearInterval(look));
  const grown = Math.max(most, rss()) - before;
  figure(null, `git: memory that ${what} took`, `${grown.toFixed(0)} MiB of ${String(MOST_MIB)}`);
  expect(grown).toBeLessThan(MOST_MIB);
}

const forget = (): void => rmSync(join(site.mirrorOf(id), 'history'), { recursive: true, force: true });

const nameOf = (path: string): string => path.replaceAll(id, ':id').replace(deepCursor(), '…');

const deepCursor = (): string => cursors[((DEEP - 1) * LIMIT) / 100 - 1] ?? '';

it('has put the history in order before anybody asks for it', async () => {
  // That of all branches, and that of the default one.
  expect(readdirSync(join(site.mirrorOf(id), 'history'))).toHaveLength(2);
  const time = await measured(() => site.commits(id, `limit=${String(LIMIT)}`));
  promiseTime(`git: the first page of ${String(COMMITS)} commits`, time, PAGE_MS);
});

it('control: a first page that waits for a slow git is not within its time', async () => {
  const by = crowding();
  const slow = `case " $* " in *' cat-file '*) sleep ${String((1.5 * PAGE_MS * by) / 1000)};; esac; exec "$real" "$@"`;
  // It may be longer than a request may wait for git at all.
  const page = (): Promise<unknown> => site.commits(id, `limit=${String(LIMIT)}`).catch(() => undefined);
  const time = await withGit(site.scratch, slow, () => measured(page, 1));
  expect(isWithin({ ...time, crowding: by }, PAGE_MS)).toBe(false);
});

it(
  `gives every commit of ${String(COMMITS)} once, in the order of time`,
  async () => {
    const seen: number[] = [];
    const shas = new Set<string>();
    const pages = size({ full: COMMITS / 100, short: ((DEEP - 1) * LIMIT) / 100 });
    const step = progress('pages of a hundred', pages);
    for (let page = 0; page < pages; page += 1) {
      const place = page === 0 ? '' : `&cursor=${cursors[page - 1] ?? ''}`;
      const { items, next_cursor } = await site.commits(id, `limit=100${place}`);
      for (const { sha, committed_at } of items) {
        shas.add(sha);
        seen.push(Date.parse(committed_at));
      }
      if (next_cursor !== null) cursors.push(next_cursor);
      step();
    }
    expect(shas.size).toBe(pages * 100);
    expect(seen).toEqual([...seen].sort((a, b) => b - a));
    figure(
      null,
      'git: commits of a history gone through page by page, each once',
      `${String(shas.size)} of ${String(COMMITS)}`,
    );
  },
  PATIENCE_MS,
);

it(
  'gives the first page of a history that nobody has looked at',
  async () => {
    forget();
    await bounded('the order of such a history', () => site.commits(id, `limit=${String(LIMIT)}`));
    const time = await measured(async () => {
      forget();
      expect((await site.commits(id, `limit=${String(LIMIT)}`)).items).toHaveLength(LIMIT);
    });
    promiseTime(`git: the first page of ${String(COMMITS)} commits, their order not yet known`, time, PAGE_MS);
  },
  PATIENCE_MS,
);

it(
  `costs the same on page 1 and page ${String(DEEP)}`,
  async () => {
    const commits = `/repositories/${id}/commits?limit=${String(LIMIT)}`;
    const first = await costOf(commits);
    const deep = await costOf(`${commits}&cursor=${deepCursor()}`);
    figure(null, 'git: page 1', said(first));
    figure(null, `git: page ${String(DEEP)}`, said(deep), `(${(deep.ms / first.ms).toFixed(2)} × the time of page 1)`);
    expect([deep.walked, deep.read]).toEqual([first.walked, first.read]);
    // One more than the page to know whether there is another, and the figures of those on it.
    expect(first).toMatchObject({ walked: 0, read: 2 * LIMIT + 1 });
  },
  PATIENCE_MS,
);

it(
  'control: without the order that is kept, a page would walk everything',
  async () => {
    forget();
    await withGit(site.scratch, COUNTING, async (here) => {
      writeFileSync(join(here, 'counts'), '');
      await site.commits(id, `limit=${String(LIMIT)}&cursor=${deepCursor()}`);
      const walked = [...readFileSync(join(here, 'counts'), 'utf8').matchAll(/(\d+) walked/g)];
      const sum = walked.reduce((total, [, count]) => total + Number(count), 0);
      figure(null, 'git: control: commits walked for a page where the order is not kept', sum);
      expect(sum).toBe(COMMITS);
    });
  },
  PATIENCE_MS,
);

it.each([
  ['path', 'path=d7/f7'],
  ['author', 'author=a3@example.com'],
  ['time', 'until=2017-07-16T00:00:00Z'],
  ['text', 'q=needle'],
  ['agent type', 'agent_type=refresher'],
  ['issue', 'issue_number=77'],
  ['reference', 'ref=b0050'],
])(
  'narrowed by %s, a page is of bounded work anywhere',
  async (what, query) => {
    const path = `/repositories/${id}/commits?limit=${String(LIMIT)}&${query}`;
    await site.read(path);
    const costs = [await costOf(path), await costOf(`${path}&cursor=${deepCursor()}`)];
    figure(null, `git: narrowed by ${what}, page 1 and page ${String(DEEP)}`, costs.map(said).join(' · '));
    for (const cost of costs) {
      expect(cost.walked).toBe(0);
      // A path is looked for in all of them, and what was found is read; figures come on top.
      expect(cost.read).toBeLessThanOrEqual(2 * MOST_SCANNED + LIMIT);
    }
  },
  PATIENCE_MS,
);

it(
  'gives the other views of it',
  async () => {
    const commit = (await site.commits(id, `limit=1&cursor=${deepCursor()}`)).items[0]?.sha ?? '';
    const views = [
      `/logs?repository_id=${id}&limit=20`,
      `/logs?repository_id=${id}&limit=20&cursor=${deepCursor()}`,
      `/repositories/${id}/branches?limit=100`,
      `/repositories/${id}/commits/${commit}`,
    ];
    for (const path of views) {
      const time = await measured(() => site.read(path));
      promiseTime(`git: ${nameOf(path).replace(commit, ':sha')}`, time, PAGE_MS);
    }
    await bounded('these views, all at once,', () => Promise.all(views.map((path) => site.read(path))));
  },
  PATIENCE_MS,
);

it(
  'gives deployments, worktrees and conflicts of it',
  async () => {
    const worker = await registerWorker(site.server);
    for (const text of ['mine', 'yours']) {
      await site.person.task({ repository_id: id });
      const [claimed] = await worker.claim();
      const checkout = join(site.scratch.path, `checkout-${text}`);
      git(site.scratch.path, 'clone', '-q', '--shared', source, checkout);
      writeFileSync(join(checkout, 'd7', 'f7'), text);
      git(checkout, 'commit', '-qam', text);
      const address = site.server.url.replace('http://', `http://${String(claimed?.execution_id)}:${worker.token}@`);
      await pushed(checkout, `${address}/git/${id}.git`, String(claimed?.branch));
    }
    const { items } = await site.read<Page<{ id: string }>>(`/worktrees?repository_id=${id}`);
    const worktree = items[0]?.id ?? '';
    expect(items.length).toBeGreaterThanOrEqual(2);
    const views = [
      `/deployments?repository_id=${id}`,
      `/deployments/compare?repository_id=${id}&from=v1.0.0&to=v1.${String(TAGS - 1)}.0`,
      `/deployments/compare?repository_id=${id}&from=v1.190.0&to=v1.199.0`,
      `/deployments/status?repository_id=${id}`,
      `/worktrees?repository_id=${id}`,
      `/worktrees/${worktree}`,
      `/worktrees/${worktree}/diff`,
      `/repositories/${id}/conflicts`,
    ];
    for (const path of views)
      promiseTime(
        `git: ${nameOf(path).replace(worktree, ':worktree')}`,
        await measured(() => site.read(path)),
        PAGE_MS,
      );
    await bounded('deployments, worktrees and conflicts, all at once,', () =>
      Promise.all(views.map((path) => site.read(path))),
    );
    const { pairs } = await site.read<{ pairs: unknown[] }>(`/repositories/${id}/conflicts`);
    expect(pairs).toMatchObject([{ verdict: 'conflict', conflicts: ['d7/f7'] }]);
  },
  PATIENCE_MS,
);

it(
  'ends the git of a client that goes away',
  async () => {
    forget();
    const working = () => liveProcesses().filter(({ command }) => command.includes(`${id}.git `));
    await withGit(site.scratch, endless('rev-list'), async () => {
      const headers = { authorization: `Bearer ${site.person.token}` };
      const call = request(`${site.server.url}/api/v1/repositories/${id}/commits`, { headers });
      call.on('error', () => undefined).end();
      await until(() => working().length > 0);
      const time = await measured(async () => {
        call.destroy();
        await until(() => working().length === 0);
      }, 1);
      promiseTime('git: a client goes away, its git has ended after', time, GONE_MS);
    });
  },
  PATIENCE_MS,
);
