import { join } from 'node:path';
import { eventually } from './eventually.js';
import { CREDENTIALS, PrivateSite } from './private-site.js';
import { git } from './scratch-git.js';

let site: PrivateSite;

beforeAll(async () => {
  site = await PrivateSite.open();
});
afterAll(() => site.close());
beforeEach(() => site.reset());

describe('a repository that is fetched over https', () => {
  it('follows the default branch of its host, at once where the one it knew is gone, else when it is asked to', async () => {
    const { clone_url } = site.hosted();
    const bare = join(site.scratch.path, 'hosted', decodeURI(new URL(clone_url).pathname));
    const { id, ...registered } = await site.registered({ clone_url, credentials: CREDENTIALS });
    expect(registered).toMatchObject({ status: 'ready', default_branch: 'main', notice: null });
    const look = async (): Promise<string> => {
      await site.server.sql.query(
        `update repositories set last_synced_at = last_synced_at - interval '1 minute' where id = $1`,
        [id],
      );
      await site.caller.get(`/repositories/${id}/commits`).expect(200);
      return (await site.read(id)).default_branch;
    };
    git(bare, 'branch', '-m', 'main', 'trunk');
    git(bare, 'branch', 'task/mine');
    await eventually('the new one is known', async () => (await look()) === 'trunk');
    expect((await site.read(id)).notice).toContain('task/mine');
    git(bare, 'branch', 'release');
    git(bare, 'symbolic-ref', 'HEAD', 'refs/heads/release');
    await eventually('the branches are fetched', async () => {
      await look();
      const { items } = (await site.caller.get(`/repositories/${id}/branches`)).body as { items: object[] };
      return items.length === 2;
    });
    await site.caller.post(`/repositories/${id}/sync`).expect(200);
    await eventually('it is followed', async () => (await site.read(id)).default_branch === 'release');
  });
});
