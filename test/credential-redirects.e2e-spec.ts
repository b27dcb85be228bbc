import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { GitConfig } from '../src/config/git.config.js';
import { GitProcess } from '../src/git/git-process.js';
import { CREDENTIALS, PrivateSite } from './private-site.js';

let site: PrivateSite;

beforeAll(async () => {
  site = await PrivateSite.open();
});
afterAll(() => site.close());
beforeEach(() => site.reset());

/** Sends whoever comes to the host to the other one, which would take the same credentials. */
function redirect(): void {
  site.host.redirect = site.other.url('').replace(/\/$/, '');
  site.other.accepted = site.host.accepted;
}

const processOfServer = (): GitProcess =>
  new GitProcess(Object.assign(new GitConfig(), { root: site.scratch.directory('mirrors'), local_roots: [] }));

it('a private repository that redirects to another host fails, and the other host is not even asked', async () => {
  const { clone_url } = site.hosted();
  const { id } = await site.registered({ clone_url, credentials: CREDENTIALS });
  redirect();
  await site.caller.post(`/repositories/${id}/sync`).expect(409);
  expect((await site.read(id)).last_error).toMatch(/redirects elsewhere/);
  expect(site.other.seen).toEqual([]);
});

it('git that follows all the same asks, and is told nothing', async () => {
  const { clone_url: url } = site.hosted();
  redirect();
  const args = ['-c', 'http.followRedirects=true', 'ls-remote', '--', url];
  const asked = processOfServer().run({ args, protocols: ['https'], credentials: { url, ...CREDENTIALS } });
  await expect(asked).rejects.toMatchObject({ code: 'git/failed' });
  expect(site.other.seen).toEqual([null]);
});

it('control: with a helper that tells whoever asks, the other host sees the password', async () => {
  const { clone_url: url } = site.hosted();
  redirect();
  const helper = `!f() { echo username=${CREDENTIALS.username}; echo password=${CREDENTIALS.password}; }; f`;
  const settings = { 'credential.helper': helper, 'http.followRedirects': 'true' };
  const asked = processOfServer().run({ args: ['ls-remote', '--', url], protocols: ['https'], settings });
  await asked.catch(() => undefined);
  expect(site.other.passwords).toEqual([CREDENTIALS.password]);
});
