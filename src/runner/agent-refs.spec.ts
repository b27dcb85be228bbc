import {
  appendFileSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { commit, git, Scratch } from '../../test/scratch-git.js';
import { readAgentRefs, type AgentRefs } from './agent-refs.js';

let scratch: Scratch;
let checkout: string;
let gitDir: string;

beforeEach(() => {
  scratch = new Scratch();
  checkout = scratch.repository('checkout', ['one', 'two']);
  gitDir = join(checkout, '.git');
});
afterEach(() => scratch.remove());

const read = (): Promise<AgentRefs> => readAgentRefs(gitDir);
const own = (message: string): string => git(checkout, 'commit-tree', '-m', message, 'HEAD^{tree}');

it('all that leads to commits is read, and nothing is left unread', async () => {
  const [tag = '', bisected = '', picked = '', fetched = ''] = ['tag', 'bisected', 'picked', 'fetched'].map(own);
  git(checkout, 'tag', 'v1', tag);
  git(checkout, 'pack-refs', '--all');
  git(checkout, 'update-ref', 'refs/bisect/bad', bisected);
  mkdirSync(join(gitDir, 'sequencer'));
  writeFileSync(join(gitDir, 'sequencer/head'), `${picked}\n`);
  git(checkout, 'update-ref', 'refs/remotes/origin/x', fetched);
  const refs = await read();
  const head = git(checkout, 'rev-parse', 'HEAD');
  expect(refs).toMatchObject({ head, fetched: [fetched], linked: [], unread: null });
  expect([...refs.tips].sort()).toEqual([head, tag, bisected, picked].sort());
});

it('commits of work trees that were linked to the checkout are, wherever these are, and gone ones too', async () => {
  const [beside, inside] = [join(scratch.path, 'beside'), join(checkout, 'inside')];
  for (const at of [beside, inside]) git(checkout, 'worktree', 'add', '-q', '--detach', at);
  const left = commit(beside, 'left');
  const kept = own('kept');
  git(beside, 'update-ref', 'refs/worktree/kept', kept);
  git(beside, 'checkout', '-q', '--detach', 'main');
  const last = commit(inside, 'last');
  let refs = await read();
  expect(refs).toMatchObject({ linked: [beside], unread: null });
  expect(refs.tips).toEqual(expect.arrayContaining([last, kept]));
  expect(refs.visited).toEqual(expect.arrayContaining([left, last]));
  rmSync(beside, { recursive: true });
  refs = await read();
  expect(refs.linked).toEqual([]);
  expect(refs.visited).toContain(left);
});

it('without a git directory there is nothing', async () => {
  rmSync(gitDir, { recursive: true });
  expect(await read()).toMatchObject({ head: null, tips: [], unread: null });
});

const elsewhere = (): string => join(scratch.path, 'elsewhere');
const WAYS: Readonly<Record<string, () => void>> = {
  'a link to one elsewhere': () => {
    renameSync(gitDir, elsewhere());
    symlinkSync(elsewhere(), gitDir);
  },
  'a file that names one elsewhere': () => {
    git(scratch.path, 'init', '-q', '--separate-git-dir', elsewhere(), checkout);
  },
};
it.each(Object.keys(WAYS))('in the place of the git directory is %s: that is told', async (way) => {
  WAYS[way]?.();
  git(checkout, 'log');
  expect(await read()).toMatchObject({ head: null, unread: 'its .git is not the directory that was made for it' });
});

const HIDDEN: Readonly<Record<string, () => void>> = {
  'a log that is too large': () => truncateSync(join(gitDir, 'logs/HEAD'), 1024 ** 3),
  'packed references that are too large': () => {
    writeFileSync(join(gitDir, 'packed-refs'), '');
    truncateSync(join(gitDir, 'packed-refs'), 1024 ** 3);
  },
  'a reference that is a link': () => symlinkSync('main', join(gitDir, 'refs/heads/other')),
  'a folder of references that is a link': () => {
    cpSync(join(gitDir, 'refs/heads'), elsewhere(), { recursive: true });
    symlinkSync(elsewhere(), join(gitDir, 'refs/linked'));
  },
  'a log that is a link': () => {
    renameSync(join(gitDir, 'logs/HEAD'), elsewhere());
    symlinkSync(elsewhere(), join(gitDir, 'logs/HEAD'));
  },
  'a reference whose name is no text': () => {
    const name = Buffer.concat([Buffer.from(join(gitDir, 'refs/heads/')), Buffer.from([0xff])]);
    writeFileSync(name, `${own('alone')}\n`);
  },
  'packed references whose names are no text': () => {
    const lines = [0xfe, 0xff].map((byte) =>
      Buffer.from(`${own(String(byte))} refs/heads/${String.fromCharCode(byte)}\n`, 'latin1'),
    );
    writeFileSync(join(gitDir, 'packed-refs'), Buffer.concat(lines));
  },
  'references below too many folders': () => {
    git(checkout, 'update-ref', `refs/heads/${'a/'.repeat(30)}b`, own('deep'));
  },
  'a table of references': () => {
    mkdirSync(join(gitDir, 'reftable'));
    appendFileSync(join(gitDir, 'reftable/tables.list'), 'x\n');
  },
};
it.each(Object.keys(HIDDEN))('what hides commits is told: %s', async (way) => {
  HIDDEN[way]?.();
  expect(await read()).toMatchObject({ unread: 'its git directory cannot be read as a whole' });
});
