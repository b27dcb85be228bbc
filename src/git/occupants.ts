import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { BytePath } from './byte-path.js';
import { isInside } from './surroundings.js';
import { VIEWS } from './safe-views.js';

const PROCESSES = '/proc';
const MOST_NAMED = 3;

/**
 * Which processes work in each of some directories, as `node (4711)`; null where none does. They are known by where they
 * are, on systems that tell and as far as this process may see: what they write there would be lost without a look at it.
 * Git of this installation, which only looks, is none of them. `root` is where the installation keeps what is its own.
 */
export async function occupantsOf(directories: readonly BytePath[], root: string): Promise<(string | null)[]> {
  const found = directories.map((): string[] => []);
  const ids = (await readdir(PROCESSES).catch(() => [])).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    ids.map(async (id) => {
      const at = await readlink(join(PROCESSES, id, 'cwd'), { encoding: 'buffer' }).catch(() => null);
      if (at === null) return;
      const inside = directories.flatMap((one, index) => (at.equals(one) || isInside(at, one) ? [index] : []));
      if (inside.length === 0) return;
      const [name, words] = await Promise.all(['comm', 'cmdline'].map((file) => textOf(id, file)));
      // It has ended, or it is ours.
      if (name === '' || words?.includes(join(root, VIEWS))) return;
      for (const index of inside) found[index]?.push(`${name ?? ''} (${id})`);
    }),
  );
  return found.map((names) => {
    const more = names.length - MOST_NAMED;
    const named = names.sort().slice(0, MOST_NAMED).join(', ');
    return named === '' ? null : more > 0 ? `${named} and ${String(more)} more` : named;
  });
}

const textOf = async (id: string, file: string): Promise<string> =>
  (await readFile(join(PROCESSES, id, file), 'utf8').catch(() => '')).trimEnd();
