import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TestMirrors, PATIENCE } from '../../test/mirrors.js';
import { GIT_ENVIRONMENT, git as run, Scratch } from '../../test/scratch-git.js';

let scratch: Scratch;

beforeEach(() => (scratch = new Scratch()));
afterEach(() => scratch.remove());

function branches(source: string, prefix: string, count: number): void {
  const sha = run(source, 'rev-parse', 'HEAD');
  const input = Array.from({ length: count }, (_, at) => `create refs/heads/${prefix}${String(at)} ${sha}\n`).join('');
  execFileSync('git', ['update-ref', '--stdin'], { cwd: source, env: GIT_ENVIRONMENT, input });
}

it('the references of a mirror that are many are in one file after a fetch', async () => {
  const own = new TestMirrors(scratch);
  const source = scratch.repository('roots/a');
  const id = own.records.add(source);
  const directory = await own.mirrors.open(id, PATIENCE);
  expect(existsSync(join(directory, 'packed-refs'))).toBe(false);
  branches(source, 'b', 300);
  await own.mirrors.sync(id);
  expect(existsSync(join(directory, 'packed-refs'))).toBe(true);
  expect(readdirSync(join(directory, 'refs/heads'))).toEqual([]);
  expect(own.references(id)).toHaveLength(301);
  // Those that come later are few again, until they are many.
  branches(source, 'c', 3);
  run(source, 'branch', '-D', 'b7');
  await own.mirrors.sync(id);
  expect(readdirSync(join(directory, 'refs/heads')).sort()).toEqual(['c0', 'c1', 'c2']);
  expect(own.references(id)).toHaveLength(303);
});
