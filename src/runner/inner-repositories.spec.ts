import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scratch } from '../../test/scratch-git.js';
import { innerRepositories } from './inner-repositories.js';

let scratch: Scratch;

beforeEach(() => (scratch = new Scratch()));
afterEach(() => scratch.remove());

it('what is in the place of a submodule is told, whatever it is; one that nobody has fetched is not', async () => {
  const checkout = scratch.directory('checkout');
  const reasons = (): Promise<string[]> =>
    innerRepositories({
      ...{ checkout, linked: ['module'], committed: () => Promise.resolve([]) },
      signal: new AbortController().signal,
    });
  const module = join(checkout, 'module');
  expect(await reasons()).toEqual([]);
  mkdirSync(module);
  expect(await reasons()).toEqual([]);
  writeFileSync(join(module, 'file'), 'x');
  expect(await reasons()).toEqual(['module is a repository of its own']);
  for (const make of [() => writeFileSync(module, 'all of my work'), () => symlinkSync('nowhere', module)]) {
    rmSync(module, { recursive: true });
    make();
    expect(await reasons()).toEqual(['module is in the place of a submodule']);
  }
});
