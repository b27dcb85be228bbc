import { Injectable } from '@nestjs/common';
import { DIFF_SETTINGS, SAME_RENAMES } from './diff-settings.js';
import { GitProcess } from './git-process.js';
import { pathspecOf, unquoted, type Pathspec } from './shown-path.js';

/** How much a commit has changed, against its first parent. */
export interface CommitStats {
  files_changed: number;
  additions: number;
  deletions: number;
}

const COMMAND = 'diff-tree';
const OPTIONS = ['--stdin', '--root', '-r', '--no-ext-diff', '--no-textconv'];
const SHA = /^[0-9a-f]{40}$/;
const NOTHING: CommitStats = { files_changed: 0, additions: 0, deletions: 0 };

/** What many commits have changed, asked of one git process. */
@Injectable()
export class CommitChangesService {
  constructor(private readonly git: GitProcess) {}

  /**
   * How much each of these commits has changed. Those that git did not come to within `patience_ms` are missing: a
   * page of commits that changed everything is to come without its figures rather than not at all.
   */
  async stats(
    directory: string,
    shas: readonly string[],
    patience_ms: number,
    signal: AbortSignal,
  ): Promise<Map<string, CommitStats>> {
    const patience = AbortSignal.timeout(patience_ms);
    const options = ['--shortstat', '--diff-merges=first-parent', ...SAME_RENAMES];
    const stats = new Map<string, CommitStats>();
    let current: string | undefined;
    const read = (line: string): void => {
      if (SHA.test(line)) {
        // What git has gone on from is told whole.
        if (current !== undefined) stats.set(current, stats.get(current) ?? NOTHING);
        current = line;
      } else if (current !== undefined && line !== '') stats.set(current, statsOf(line));
    };
    const whole = await this.each(directory, shas, options, null, AbortSignal.any([signal, patience]), read);
    if (!whole && !patience.aborted) signal.throwIfAborted();
    if (whole) for (const sha of shas) stats.set(sha, stats.get(sha) ?? NOTHING);
    return stats;
  }

  /**
   * Those of the commits that have changed the file at the path, or one below it; of a merge, when the outcome is none of
   * what was merged. The path is taken to the letter, as it is shown.
   */
  async touching(
    directory: string,
    shas: readonly string[],
    path: string,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const touching = new Set<string>();
    const spec = pathspecOf(path);
    let current = '';
    const read = (line: string): void => {
      // Lines of changes begin with a colon, and what is strange in a path is quoted.
      if (SHA.test(line)) current = line;
      else if (line.startsWith(':') && spec.isWanted?.(pathIn(line)) !== false) touching.add(current);
    };
    const whole = await this.each(directory, shas, ['--raw', '-c', '--no-renames'], spec, signal, read);
    if (!whole) signal.throwIfAborted();
    return touching;
  }

  /** Gives each line of what git says of the commits; false when the signal has ended it before. */
  private async each(
    directory: string,
    shas: readonly string[],
    options: readonly string[],
    spec: Pathspec | null,
    signal: AbortSignal,
    read: (line: string) => void,
  ): Promise<boolean> {
    if (shas.length === 0) return true;
    const child = await this.git.start({
      directory,
      args: [...(spec === null ? [] : [spec.option]), COMMAND, ...OPTIONS, ...options, '--', ...(spec?.specs ?? [])],
      settings: DIFF_SETTINGS,
      input: shas.map((sha) => `${sha}\n`).join(''),
      signal,
    });
    let rest = '';
    for await (const chunk of child.process.stdout as AsyncIterable<Buffer>) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(read);
    }
    const end = await child.ended;
    if (end.stopped === 'aborted') return false;
    this.git.assertDone(end, COMMAND);
    return true;
  }
}

/** The path behind the facts of a change; that of a merge comes once. */
const pathIn = (line: string): Buffer => unquoted(Buffer.from(line.slice(line.indexOf('\t') + 1), 'latin1'));

/** ` 3 files changed, 4 insertions(+), 2 deletions(-)`, each part only when there is something of it. */
function statsOf(line: string): CommitStats {
  const [files, additions, deletions] = [/(\d+) files? changed/, /(\d+) insertions?/, /(\d+) deletions?/].map((part) =>
    Number(part.exec(line)?.[1] ?? 0),
  );
  return { files_changed: files ?? 0, additions: additions ?? 0, deletions: deletions ?? 0 };
}
