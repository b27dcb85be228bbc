import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { newId } from '../ids.js';
import { checkoutFrom, type Checkout } from './checkout.js';
import { CheckoutLook, type Look } from './checkout-look.js';
import { ExecutionDirectory } from './execution-directory.js';
import { Git } from './git.js';

const identity = { name: 'CodeGenAgent', email: 'codegen-agent@agents.miyabi.invalid' };
const git = new Git({ PATH: process.env['PATH'] ?? '' });
const { signal } = new AbortController();

let root: string;
let cache: string;
let directory: ExecutionDirectory;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'look-')));
  cache = join(root, 'cache.git');
  commitTo(cache, { 'src/a.txt': 'a\n', 'src/b.txt': 'b\n' });
  directory = ExecutionDirectory.of(root, newId());
  await directory.create();
});
afterEach(() => rm(root, { recursive: true, force: true }));

const checkOut = (baseRef: string): Promise<Checkout> => {
  const plan = { path: directory.checkout, branch: 'task/x-a1', identity, signal };
  return checkoutFrom(git, { cache, baseRef, mergeRefs: [] }, plan);
};
const begin = (checkout: Checkout, until = signal): Promise<CheckoutLook> => {
  const plan = { directory, checkout, cache, defaultBranch: 'main', identity, signal, maxFileBytes: 1024 ** 3 };
  return CheckoutLook.begin(git, { ...plan, leaveOut: () => [] }, until);
};
async function look(one: CheckoutLook): Promise<Look> {
  const found = await one.look(null);
  if (found === null) throw new Error('nothing was looked at');
  return found;
}

it('works where the history of the repository is cut off', async () => {
  // A merge, of which git looks at the other side first.
  const side = commitTo(cache, { other: 'x\n' }, 'side');
  const before = commitTo(cache, { 'src/a.txt': 'a\nmain\n' });
  const merge = gitIn(cache, 'commit-tree', 'main^{tree}', '-p', side, '-p', before, '-m', 'merge');
  gitIn(cache, 'update-ref', 'refs/heads/main', merge);
  const cut = join(root, 'cut.git');
  gitIn(root, 'clone', '-q', '--bare', '--depth=2', `file://${cache}`, cut);
  gitIn(cut, 'branch', 'before', before);
  cache = cut;
  const checkout = await checkOut('before');
  const one = await begin(checkout);
  await writeFile(join(checkout.path, 'src/b.txt'), 'changed\n');
  gitIn(checkout.path, 'commit', '-qam', 'mine');
  expect((await look(one)).holdings).toMatchObject({ dirty: false, unpushed: true, merged: false });
  expect(await one.snapshot()).toMatchObject({ pack: expect.any(String) as unknown });
  gitIn(checkout.path, 'reset', '-q', '--hard', before);
  expect((await look(one)).holdings).toEqual({ head_sha: before, dirty: false, unpushed: true, merged: true });
});

it('is called off at its beginning, and leaves nothing', async () => {
  const checkout = await checkOut('main');
  const called = new AbortController();
  called.abort(new Error('called off'));
  await expect(begin(checkout, called.signal)).rejects.toThrow('called off');
  expect(existsSync(directory.sight)).toBe(false);
});
