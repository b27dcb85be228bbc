import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { newId } from '../ids.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { LeftViews } from './left-views.js';
import type { RepositoryPlace } from './local-paths.service.js';
import { putAway } from './put-away.js';

/** Below the directory of the mirrors. */
export const VIEWS = '.views';

/** Lines of a configuration that names no program: there are no filters, no drivers and no hooks in it. */
const CONFIG = [
  '[core]',
  'repositoryformatversion = 0',
  'bare = true',
  // Data that could be planted to hide what there is.
  'commitGraph = false',
  'multiPackIndex = false',
  'untrackedCache = false',
  // With this git looks at files that are there although they were to be left out.
  'sparseCheckout = true',
  'logAllRefUpdates = false',
  'attributesFile = /dev/null',
  'excludesFile = /dev/null',
] as const;

/**
 * What tells how files are compared with what was committed. None of it can name a program. Not `core.ignoreCase`: where
 * the disk tells `FILE` from `file`, git would take either for the other, and a folder called `.GIT` for its own.
 */
const TAKEN = /^core\.(filemode|symlinks|autocrlf|eol|precomposeunicode)$/;
const PLAIN_VALUES = /^(true|false|input|lf|crlf|native|yes|no|on|off|0|1)$/i;

/** A git directory of the server's own over the objects and references of somebody's repository. */
export interface SafeView {
  readonly directory: string;
  readonly place: RepositoryPlace;
  readonly config: string;
}

export interface OpenView {
  view: SafeView;
  close: () => Promise<void>;
}

/**
 * Whoever may write in a repository can make git run programs there: hooks, filters, a file system monitor, and no
 * setting of a call turns filters off. So no git starts with the directory of somebody's repository. It starts with one
 * that was made for the call, whose configuration is ours, and which leads to the objects and references of the other.
 */
@Injectable()
export class SafeViews {
  private readonly left = new LeftViews();

  constructor(private readonly git: GitProcess) {}

  /** Makes a view for as long as the work takes. Throws GitFailed for repositories of a kind it cannot show. */
  async over<T>(place: RepositoryPlace, work: (view: SafeView) => Promise<T>): Promise<T> {
    const { view, close } = await this.open(place);
    try {
      return await work(view);
    } finally {
      await close();
    }
  }

  /** Makes a view that whoever asks for it closes. Throws GitFailed for repositories of a kind it cannot show. */
  async open(place: RepositoryPlace): Promise<OpenView> {
    const views = join(this.git.root, VIEWS);
    await this.left.sweep(views);
    const view: SafeView = { directory: join(views, newId()), place, config: await this.configFor(place) };
    const close = (): Promise<void> => putAway(view.directory);
    try {
      await mkdir(view.directory, { recursive: true, mode: 0o700 });
      await furnish(view);
    } catch (error) {
      await close();
      throw error;
    }
    return { view, close };
  }

  /** One more git directory over the same, below the first and gone with it; for a state of its own. */
  async beside({ directory, ...rest }: SafeView): Promise<SafeView> {
    const view = { ...rest, directory: join(directory, newId()) };
    await mkdir(view.directory);
    await furnish(view);
    return view;
  }

  /** Reads the file as data: what it includes is not read. */
  private async configFor({ common }: RepositoryPlace): Promise<string> {
    const output = await this.git.run({
      args: ['config', '--file', join(common, 'config'), '--no-includes', '--null', '--list'],
      timeout_ms: 5000,
    });
    const lines: string[] = [...CONFIG];
    for (const entry of output.toString('utf8').split('\0')) {
      const [key = '', value = 'true'] = entry.split('\n');
      if (key === 'extensions.refstorage' && value !== 'files') throw new GitFailed('unsupported');
      if (key === 'extensions.objectformat' && value !== 'sha1') throw new GitFailed('unsupported');
      if (TAKEN.test(key) && PLAIN_VALUES.test(value)) lines.push(`${key.slice('core.'.length)} = ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

async function furnish({ directory, place: { common, objects }, config }: SafeView): Promise<void> {
  await writeFile(join(directory, 'config'), config);
  // Git asks for one; what is looked at is named.
  await writeFile(join(directory, 'HEAD'), 'ref: refs/heads/none\n');
  await symlink(objects, join(directory, 'objects'));
  await symlink(join(common, 'refs'), join(directory, 'refs'));
  // What is not there is not there by these either.
  for (const name of ['packed-refs', 'shallow']) await symlink(join(common, name), join(directory, name));
}
