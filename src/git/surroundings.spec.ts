import { bytePath, shown } from './byte-path.js';
import { mountPoints, mountPointsIn } from './mounts.js';
import { surroundedBy } from './surroundings.js';

const place = { path: '/repository', common: '/repository/.git', objects: '/repository/.git/objects' };

it('a work tree that something is mounted in must not go: what is there would be deleted', async () => {
  const said = [
    '22 1 8:1 / / rw - ext4 /dev/vda rw',
    '30 22 8:1 /cache /work/tree/node\\040modules\\134x rw,relatime shared:1 - ext4 /dev/vda rw',
    '31 22 8:1 /cache /work/tree-beside rw - ext4 /dev/vda rw',
    '',
  ].join('\n');
  const mounts = mountPointsIn(Buffer.from(said));
  expect(mounts.map(shown)).toEqual(['/', '/work/tree/node modules\\x', '/work/tree-beside']);
  const within = { place, root: '/mirrors', worktrees: [], mounts };
  expect(await surroundedBy(bytePath('/work/tree'), within)).toBe(
    'something is mounted in it, at /work/tree/node modules\\x',
  );
  // A disk of its own is what the work tree is on.
  for (const path of ['/work/tree-beside', '/work/tre']) expect(await surroundedBy(bytePath(path), within)).toBeNull();
});

it('knows what is mounted here', async () => {
  expect((await mountPoints()).map(shown)).toContain('/');
});
