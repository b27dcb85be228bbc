import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Injectable } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { bytePath, type BytePath } from './byte-path.js';
import { isOfSystem, nullIfNothing } from './error-code.js';
import { GitFailed, LocalPathRefused } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { reachesElsewhere, type RepositoryParts } from './plain-repository.js';

const NO_REPOSITORY = 'There is no Git repository at local_path.';
const BORROWS =
  'The repository at local_path borrows objects or references from elsewhere, through alternates or symbolic links.';
const OUTSIDE = 'local_path must be below one of the directories that LOCAL_REPOSITORY_ROOTS names.';

/** Where a repository on this host's disk is; everything below a configured root, links resolved. */
export interface RepositoryPlace {
  path: string;
  /** The git directory that it shares with its linked work trees. */
  common: string;
  objects: string;
}

/** Git repositories on this host's own disk: which of them may be read. */
@Injectable()
export class LocalPathsService {
  constructor(
    private readonly config: GitConfig,
    private readonly git: GitProcess,
  ) {}

  /**
   * The true path of the repository at `path`, a work tree or a bare one. It and all its parts lie below a
   * configured root, whatever links there are on the way, and nothing in it leads elsewhere. Throws LocalPathRefused.
   */
  async resolve(path: string): Promise<string> {
    return (await this.locate(path)).path;
  }

  /** The repository at `path` with its parts. Throws LocalPathRefused, as `resolve` does. */
  async locate(path: string): Promise<RepositoryPlace> {
    if (this.config.local_roots.length === 0) {
      throw new LocalPathRefused('This server registers no repositories by path: LOCAL_REPOSITORY_ROOTS is not set.');
    }
    if (!isAbsolute(path)) throw new LocalPathRefused('local_path must be an absolute path.');
    const roots = await this.roots();
    // Before the disk is asked, so that nobody learns what exists elsewhere.
    if (!isBelow(roots, resolve(path))) throw new LocalPathRefused(OUTSIDE);
    const real = await realpath(path).catch(() => null);
    if (real === null || !(await stat(real)).isDirectory()) throw new LocalPathRefused(NO_REPOSITORY, 'not_found');
    const parts = await found(this.partsOf(real));
    for (const part of [real, ...parts.directories, parts.objects, ...parts.refs]) {
      if (!isBelow(roots, part)) throw new LocalPathRefused(OUTSIDE);
    }
    if (await found(reachesElsewhere(parts))) throw new LocalPathRefused(BORROWS);
    return { path: real, common: parts.directories.at(-1) ?? real, objects: parts.objects };
  }

  /**
   * A path below a configured root with its links resolved; null when there is nothing. Throws LocalPathRefused, and what
   * the disk says when that leaves open what there is.
   */
  async below(path: BytePath): Promise<BytePath | null> {
    const found = await realpath(path, { encoding: 'buffer' }).then(
      (real) => ({ real, error: null }),
      (error: unknown) => ({ real: null, error }),
    );
    // Compared byte for byte: not every name is text.
    const roots = (await this.roots()).map((root) => bytePath(root).toString('latin1'));
    if (!isBelow(roots, (found.real ?? path).toString('latin1'))) throw new LocalPathRefused(OUTSIDE);
    return found.real ?? nullIfNothing(found.error);
  }

  /** The configured root that a true path lies below, of several the innermost. Throws LocalPathRefused. */
  async rootOf(path: string): Promise<string> {
    const roots = (await this.roots()).filter((root) => isBelow([root], path));
    const innermost = roots.sort((one, other) => other.length - one.length)[0];
    if (innermost === undefined) throw new LocalPathRefused(OUTSIDE);
    return innermost;
  }

  private async partsOf(path: string): Promise<RepositoryParts> {
    const output = await this.git.run({
      args: ['rev-parse', '--path-format=absolute', '--git-dir', '--git-common-dir'],
      cwd: path,
      // A directory inside a repository is not itself one.
      ceiling: dirname(path),
      timeout_ms: 5000,
    });
    const directories = output.toString('utf8').split('\n').filter(Boolean);
    const common = directories.at(-1) ?? path;
    // A linked work tree may have references of its own beside the shared ones.
    const own = directories.map((directory) => join(directory, 'refs')).filter((refs) => refs !== join(common, 'refs'));
    const more = await Promise.all(own.map((folder) => realpath(folder).catch(() => [])));
    return {
      directories: await Promise.all(directories.map((directory) => realpath(directory))),
      objects: await realpath(join(common, 'objects')),
      refs: [await realpath(join(common, 'refs')), ...more.flat()],
    };
  }

  /** As written and with links resolved: people name either. */
  private async roots(): Promise<string[]> {
    const written = this.config.local_roots.filter(isAbsolute).map((root) => resolve(root));
    const real = await Promise.all(written.map((root) => realpath(root).catch(() => root)));
    return [...written, ...real];
  }
}

/** What was read of a repository's files. Throws LocalPathRefused where they are not there or not readable. */
async function found<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof GitFailed && error.reason !== 'not_found') throw error;
    if (error instanceof GitFailed || isOfSystem(error)) throw new LocalPathRefused(NO_REPOSITORY, 'not_found');
    throw error;
  }
}

function isBelow(roots: readonly string[], path: string): boolean {
  return roots.some((root) => {
    const way = relative(root, path);
    return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
  });
}
