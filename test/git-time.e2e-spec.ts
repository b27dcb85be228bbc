import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { HistorySite, refusalOf, save } from './history-site.js';
import { withGit } from './replaced-git.js';

let site: HistorySite;

beforeAll(async () => {
  // Less than git may take where there is time.
  site = await HistorySite.start({ ANSWER_SECONDS: '4' });
});
afterAll(() => site.stop());

/** Does what is asked for with `command`, and then does not end. */
const lingering = (command: string): string =>
  `case " $* " in *' ${command} '*) "$real" "$@"; sleep 600 & wait;; esac; exec "$real" "$@"`;

it('a diff that takes all of the time there is, is an answer as far as it was read', async () => {
  const source = site.source();
  const sha = save(source, { a: 'one\n' }, 'one');
  const id = await site.register(source);
  await withGit(site.scratch, lingering('--patch'), async () => {
    for (const query of ['', 'path=a']) {
      const { diff, stats } = await site.commit(id, sha, query);
      expect(diff).toMatchObject({ files_changed: 1, truncated: true, files: [{ path: 'a', truncated: true }] });
      expect(stats).toEqual({ files_changed: 1, additions: 1, deletions: 0 });
    }
  });
});

it('a git that takes all of the time there is, is what the answer names', async () => {
  const id = await site.register(site.source(['one']));
  await withGit(site.scratch, lingering('cat-file'), async () => {
    const { status, body } = await site.person.get(`/repositories/${id}/commits`);
    expect([status, body['code'], body['reason']]).toEqual([503, 'git/failed', 'timeout']);
  });
  expect(await refusalOf(site.person.get(`/repositories/${id}/commits`))).toBe('200 undefined');
});
