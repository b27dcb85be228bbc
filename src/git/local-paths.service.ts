import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Injectable } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { codeOf } from './error-code.js';
import { GitFailed, LocalPathRefused } from './git.errors.js';
import { GitProcess } from './git-process.js';

const NO_REPOSITORY = 'There is no Git repository at local_path.';
const OUTSIDE = 'local_path must be below one of the directories that LOCAL_REPOSITORY_ROOTS names.';

/** Git repositories on this host's own disk: which of them may be read. */
@Injectable()
export class LocalPathsService {
  constructor(
    private readonly config: GitConfig,
    private readonly git: GitProcess,
  ) {}

  /**
   * The true path of the repository at `path`, a work tree or a bare one. It and all its parts lie below a
   * configured root, whatever links there are on the way. Throws LocalPathRefused.
   */
  async resolve(path: string): Promise<string> {
    if (this.config.local_roots.length === 0) {
      throw new LocalPathRefused('This server registers no repositories by path: LOCAL_REPOSITORY_ROOTS is not set.');
    }
    if (!isAbsolute(path)) throw new LocalPathRefused('local_path must be an absolute path.');
    const roots = await this.roots();
    // Before the disk is asked, so that nobody learns what exists elsewhere.
    if (!isBelow(roots, resolve(path))) throw new LocalPathRefused(OUTSIDE);
    const real = await realpath(path).catch(() => null);
    if (real === null || !(await stat(real)).isDirectory()) throw new LocalPathRefused(NO_REPOSITORY, 'not_found');
    for (const part of [real, ...(await this.partsOf(real))]) {
      if (!isBelow(roots, part)) throw new LocalPathRefused(OUTSIDE);
    }
    return real;
  }

  /** The git directory, the one it shares with its linked work trees, and the objects; links resolved. */
  private async partsOf(path: string): Promise<string[]> {
    try {
      const output = await this.git.run({
        args: ['rev-parse', '--path-format=absolute', '--git-dir', '--git-common-dir'],
        cwd: path,
        // A directory inside a repository is not itself one.
        ceiling: dirname(path),
        timeout_ms: 5000,
      });
      const directories = output.toString('utf8').split('\n').filter(Boolean);
      const common = directories.at(-1) ?? path;
      return await Promise.all(
        [...directories, join(common, 'objects'), join(common, 'refs')].map((part) => realpath(part)),
      );
    } catch (error) {
      if (error instanceof GitFailed && error.reason !== 'not_found') throw error;
      if (error instanceof GitFailed || isFileError(error)) throw new LocalPathRefused(NO_REPOSITORY, 'not_found');
      throw error;
    }
  }

  /** As written and with links resolved: people name either. */
  private async roots(): Promise<string[]> {
    const written = this.config.local_roots.filter(isAbsolute).map((root) => resolve(root));
    const real = await Promise.all(written.map((root) => realpath(root).catch(() => root)));
    return [...written, ...real];
  }
}

function isBelow(roots: readonly string[], path: string): boolean {
  return roots.some((root) => {
    const way = relative(root, path);
    return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
  });
}

const isFileError = (error: unknown): boolean => /^E[A-Z]+$/.test(codeOf(error));
