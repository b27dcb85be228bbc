import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Caller, type Repository } from './caller.js';
import { GitSite } from './git-site.js';
import { loseObject } from './lost-objects.js';
import { commit, git } from './scratch-git.js';
import type { TestApp } from './test-app.js';

let site: GitSite;
let server: TestApp;
let caller: Caller;
let source: string;
let repository: Repository;
let counter = 0;

beforeAll(async () => {
  site = await GitSite.open();
  server = site.server;
});
afterAll(() => site.close());
beforeEach(async () => {
  caller = await Caller.signIn(server);
  source = site.source([]);
  for (const name of ['one', 'two', 'three']) {
    writeFileSync(join(source, `${name}.txt`), `${name}\n`);
    git(source, 'add', '--all');
    commit(source, `feat: ${name}`, 1_700_000_000 + counter++);
  }
  git(source, 'tag', '-a', '-m', 'First', 'v1');
  repository = await caller.register(source);
  expect(await caller.messages('')).toHaveLength(3);
});

const mirror = (): string => site.mirrorOf(repository);
const messages = ['feat: three', 'feat: two', 'feat: one'];
const own = (path: string): string => `/repositories/${repository.id}${path}`;

type Question = () => Promise<unknown>;

const sha = (): string => git(source, 'rev-parse', 'main~1');
const log: Question = async () => expect(await caller.messages('')).toEqual(messages);
const answer = async (path: string): Promise<unknown> => (await caller.get(path).expect(200)).body;
const withStats: Question = async () => {
  const { items } = (await answer(own('/commits'))) as { items: { stats: object }[] };
  expect(items.map(({ stats }) => stats)).toEqual(Array(3).fill({ files_changed: 1, additions: 1, deletions: 0 }));
};
const oneCommit: Question = async () =>
  expect(await answer(own(`/commits/${sha()}`))).toMatchObject({ diff: { files: [{ path: 'two.txt' }] } });

describe('a mirror that has lost an object is mended within the request that finds it', () => {
  it.each<[string, string, Question]>([
    ['a commit, by the log of the organization', 'main~1', log],
    ['a commit, by who asks for that one', 'main~1', oneCommit],
    [
      'the last commit, by the branches',
      'main',
      async () => expect(await answer(own('/branches'))).toMatchObject({ items: [{ name: 'main' }] }),
    ],
    ['a tree, by the commits with their figures', 'main~1^{tree}', withStats],
    ['a file, by the commits with their figures', 'main:two.txt', withStats],
    ['a file, by the diff of a commit', 'main:two.txt', oneCommit],
    [
      'a tag, by the deployments',
      'v1',
      async () => expect(await answer('/deployments')).toMatchObject({ items: [{ version: 'v1' }] }),
    ],
  ])('%s', async (_, name, ask) => {
    loseObject(mirror(), git(source, 'rev-parse', name));
    await ask();
    git(mirror(), 'fsck', '--strict');
    await log();
  });
});

it('several mirrors that are damaged are mended within one request', async () => {
  const others = ['a', 'b'].map((name) =>
    site.scratch.repository(`roots/other-${name}`, [`feat: ${name}`, `fix: ${name}`]),
  );
  for (const other of others) {
    const { id } = await caller.register(other);
    await caller.messages('');
    loseObject(site.mirrorOf({ id }), git(other, 'rev-parse', 'main~1'));
  }
  loseObject(mirror(), sha());
  expect((await caller.messages('')).sort()).toEqual([...messages, 'feat: a', 'fix: a', 'feat: b', 'fix: b'].sort());
});

it('a history that cannot be mended takes no other down, is named beside them, and can be left out', async () => {
  const other = await caller.register(site.source(['feat: other']));
  // Nor can its source be read.
  for (const directory of [mirror(), join(source, '.git')]) loseObject(directory, sha());
  const code = 'git/failed';
  const detail = 'The repository is damaged: objects or references are missing or broken.';
  expect(await answer('/logs')).toMatchObject({
    items: [{ message: 'feat: other' }],
    unread: [{ repository_id: repository.id, code, detail }],
  });
  expect((await caller.get(`/logs?without=${other.id}`).expect(409)).body).toMatchObject({ code, reason: 'damaged' });
  expect(await caller.messages(`without=${repository.id}`)).toEqual(['feat: other']);
  expect(await caller.messages(`without=${repository.id}&without=${other.id}`)).toEqual([]);
  expect(await caller.messages(`repository_id=${other.id}`)).toEqual(['feat: other']);
  expect((await caller.get(own('')).expect(200)).body).toMatchObject({
    status: 'error',
    last_error: 'The repository is damaged: objects or references are missing or broken.',
  });
});
