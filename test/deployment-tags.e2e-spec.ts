import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { annotate, type DeploymentCaller, makeRefs, type Deployment } from './deployment-caller.js';
import { DeploymentSite, NEW_YEAR } from './deployment-site.js';
import { figure } from './figures.js';
import { measured, PAGE_MS, promiseTime } from './promised-time.js';
import { FULL, PATIENCE_MS, size } from './scale.js';
import { commit, git } from './scratch-git.js';
import { codeOf } from './sign-in.js';

let site: DeploymentSite;
let own: DeploymentCaller;
let source: string;

beforeAll(async () => {
  site = await DeploymentSite.open();
});
beforeEach(async () => {
  ({ own, source } = await site.next());
});
afterAll(() => site.close());

/** Every sort of name that git allows and something on the way might take for something else. */
const strange = (canary: string): string[] => [
  ...['HEAD', 'main', '@', '-', '--', '--all', '--upload-pack=touch', '-oProxyCommand=x', '--output=x', '-c'],
  '<script>alert(1)</script>',
  '<img/src=x/onerror=alert(1)>',
  `$(touch$\{IFS}${canary})`,
  `\`touch$\{IFS}${canary}\``,
  `;touch$\{IFS}${canary};`,
  `|touch$\{IFS}${canary}`,
  `&&touch$\{IFS}${canary}&`,
  `>${canary}`,
  `"quoted"`,
  `it's`,
  `''"''"`,
  'a|b|c',
  '%s%n%x',
  '%00',
  '%0a',
  '%(refname)',
  '{{7+7}}',
  '#12',
  '!important',
  ',comma,',
  '=equals=',
  '1.0+build.7',
  "' or 1=1 --".replaceAll(' ', '+'),
  'null',
  'true',
  '0',
  'refs/tags/v1',
  'refs/heads/main',
  'tags/v1',
  'very/deep/name/of/a/tag',
  'v1.0.0\u00a0',
  '\u202egnp.exe',
  '\u200b',
  '\ufeffv1',
  '\u2028',
  'é',
  'e\u0301',
  '日本語',
  '😀',
  '\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67',
  'a'.repeat(244),
  Array.from({ length: 6 }, (_, at) => 'abcdef'.charAt(at).repeat(240)).join('/'),
];

const byName = (items: readonly Deployment[]): Map<string, Deployment> =>
  new Map(items.map((item) => [item.version, item]));

it('of any name that git allows comes back to the letter, and can be deployed', async () => {
  const canary = join(tmpdir(), `canary-${newId()}`);
  const names = strange(canary);
  makeRefs(
    source,
    names.map((name) => `refs/tags/${name}`),
  );
  const listed = byName(await own.all());
  expect([...listed.keys()].sort()).toEqual([...names].sort());
  const tried = names.filter((name, at) => FULL || at % 5 === 0 || name === '@');
  for (const name of tried) {
    const recorded = await own.recorded({ version: name, status: 'success' });
    expect(recorded).toMatchObject({
      id: listed.get(name)?.id,
      version: name,
      commit_sha: git(source, 'rev-parse', 'HEAD'),
    });
  }
  expect(byName(await own.all()).size).toBe(names.length);
  expect(existsSync(canary)).toBe(false);
  figure(
    18,
    'strange names of tags that came back to the letter, and that were deployed',
    `${String(names.length)}, ${String(tried.length)}`,
  );
});

it('whose name is no text comes back with its bytes told, and can be deployed', async () => {
  const names = ['v1-\xff', '\xe9t\xe9', 'ok-\xc3'].map((name) => Buffer.from(name, 'latin1'));
  makeRefs(
    source,
    names.map((name) => Buffer.concat([Buffer.from('refs/tags/'), name])),
  );
  const versions = (await own.all()).map(({ version }) => version);
  expect(versions.sort()).toEqual(['\\xe9t\\xe9', 'ok-\\xc3', 'v1-\\xff']);
  for (const version of versions) expect(await own.recorded({ version })).toMatchObject({ version });
  expect(await own.all()).toHaveLength(3);
});

describe('a tag that is not simply one of a commit', () => {
  it('is followed through other tags', async () => {
    annotate(source, 'inner', 'HEAD', NEW_YEAR + 1);
    annotate(source, 'middle', 'inner', NEW_YEAR + 2);
    annotate(source, 'outer', 'middle', NEW_YEAR + 3);
    const items = await own.all();
    const sha = git(source, 'rev-parse', 'HEAD');
    expect(items.map(({ version, commit_sha }) => [version, commit_sha])).toEqual([
      ['outer', sha],
      ['middle', sha],
      ['inner', sha],
    ]);
    expect(await own.recorded({ version: 'outer' })).toMatchObject({ commit_sha: sha });
  });

  it('is listed without a commit when it leads to none, and cannot be deployed', async () => {
    const tree = git(source, 'rev-parse', 'HEAD^{tree}');
    git(source, 'tag', 'tree', tree);
    annotate(source, 'annotated-tree', tree, NEW_YEAR + 1);
    annotate(source, 'tag-of-tree', 'annotated-tree', NEW_YEAR + 2);
    const items = await own.all();
    expect(items.map(({ version, commit_sha, released_at }) => [version, commit_sha, released_at])).toEqual([
      ['tag-of-tree', null, '2026-01-01T00:00:02.000Z'],
      ['annotated-tree', null, '2026-01-01T00:00:01.000Z'],
      ['tree', null, null],
    ]);
    for (const { id, version } of items) {
      expect(await codeOf(own.record({ version }))).toBe('409 deployment/no-commit');
      expect(await codeOf(own.change(id, { status: 'success' }))).toBe('409 deployment/no-commit');
      expect(await codeOf(own.compare(version, version))).toBe('409 deployment/no-commit');
    }
  });

  it('of times that no calendar has is listed all the same', async () => {
    commit(source, 'feat: before all', 0);
    git(source, 'tag', 'v0');
    annotate(source, 'v9', 'HEAD', 99_999_999_999_999);
    annotate(source, 'v1', 'HEAD', NEW_YEAR);
    const first = await own.page('limit=1');
    const rest = await own.all('limit=1', first.next_cursor);
    expect([...first.items, ...rest].map(({ version }) => version)).toEqual(['v9', 'v1', 'v0']);
    for (const { version } of [...first.items, ...rest]) await own.recorded({ version });
    expect((await own.all('limit=1')).map(({ version }) => version)).toEqual(['v9', 'v1', 'v0']);
  });
});

it(
  'is found among ten thousand, each of which is on one page of the list',
  async () => {
    const total = size({ full: 10_000, short: 2000 });
    const names = Array.from({ length: total }, (_, n) => `v1.${String(n)}.0`);
    makeRefs(
      source,
      names.map((name) => `refs/tags/${name}`),
    );
    git(source, 'pack-refs', '--all');
    await own.caller.post(`/repositories/${own.repository_id}/sync`);
    const began = performance.now();
    const first = await own.page('limit=100');
    const first_ms = performance.now() - began;
    expect(first.items[0]?.version).toBe(`v1.${String(total - 1)}.0`);
    const rest = await own.all('limit=100', first.next_cursor);
    const page_ms = (performance.now() - began - first_ms) / Math.ceil(rest.length / 100);
    expect(new Set([...first.items, ...rest].map(({ version }) => version)).size).toBe(total);
    expect(await own.recorded({ version: 'v1.7.0' })).toMatchObject({ version: 'v1.7.0' });
    const told = `first page ${first_ms.toFixed(0)} ms with its fetch, each of the others ${page_ms.toFixed(0)} ms`;
    const time = await measured(() => own.page('limit=100'));
    promiseTime(`git: deployments of a repository with ${String(total)} tags`, time, PAGE_MS);
    figure(null, 'deployments of a repository with many tags', `${String(total)} tags:`, told);
  },
  PATIENCE_MS,
);
