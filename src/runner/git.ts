import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { plainText } from './plain-text.js';

/** Longest output that is kept of one call, in characters: enough to list a million files. */
const MOST_OUTPUT = 128 * 1024 * 1024;

export class GitFailed extends Error {
  constructor(
    readonly command: string,
    readonly exitCode: number | null,
    readonly stderr: string,
  ) {
    super(`git ${command} failed: ${plainText(stderr.trim() || `exit code ${String(exitCode)}`, 2000)}`);
    this.name = 'GitFailed';
  }
}

export interface GitCall {
  readonly cwd?: string;
  readonly gitDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds after which git is ended; no limit by default. */
  readonly timeMs?: number;
  /** Transports this call may use; none by default. */
  readonly protocols?: string;
}

/**
 * The runner's own git. Each call starts from an empty environment: no configuration of the system or the user, no prompt,
 * no transport that was not asked for, no replace refs. Arguments are data; callers put refs behind `--end-of-options`.
 */
export class Git {
  /** `base` holds PATH and, where needed, proxy and certificate variables. */
  constructor(private readonly base: Readonly<Record<string, string>>) {}

  /** Standard output without the last line feed. Rejects with GitFailed, or with the signal's reason. */
  async run(args: readonly string[], call: GitCall = {}): Promise<string> {
    const result = await execa('git', args, {
      ...(call.cwd === undefined ? {} : { cwd: call.cwd }),
      ...(call.signal === undefined ? {} : { cancelSignal: call.signal }),
      ...(call.timeMs === undefined || !Number.isFinite(call.timeMs)
        ? {}
        : { timeout: Math.max(1, Math.ceil(call.timeMs)) }),
      ...(call.input === undefined ? { stdin: 'ignore' as const } : { input: call.input }),
      env: this.environment(call),
      extendEnv: false,
      reject: false,
      maxBuffer: MOST_OUTPUT,
      // git's own children (transports, index-pack) hold the pipes; they end when git does.
      forceKillAfterDelay: 2000,
    });
    call.signal?.throwIfAborted();
    if (result.timedOut) throw new GitFailed(args[0] ?? '', null, 'it took too long');
    if (result.failed)
      throw new GitFailed(args[0] ?? '', result.exitCode ?? null, (result.stderr ?? '') || (result.shortMessage ?? ''));
    return result.stdout;
  }

  /** Standard output, or null when git says no (exit code 1 or 128). */
  async ask(args: readonly string[], call: GitCall = {}): Promise<string | null> {
    try {
      return await this.run(args, call);
    } catch (error) {
      if (error instanceof GitFailed && error.exitCode !== null) return null;
      throw error;
    }
  }

  private environment(call: GitCall): Record<string, string> {
    return {
      ...this.base,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_NO_LAZY_FETCH: '1',
      GIT_ALLOW_PROTOCOL: call.protocols ?? 'none',
      ...(call.gitDir === undefined ? {} : { GIT_DIR: call.gitDir }),
      ...call.env,
    };
  }
}

/**
 * Configuration of every git directory that is the runner's own. Hooks, the file system monitor and data structures that
 * could be planted (commit graph, pack index) are off; there are no filters, no drivers, no signing program.
 */
const TRUSTED_CONFIG = `[core]
\trepositoryformatversion = 0
\tbare = true
\thooksPath = /dev/null
\tfsmonitor = false
\tcommitGraph = false
\tmultiPackIndex = false
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[submodule]
\trecurse = false
[diff]
\tignoreSubmodules = all
[http]
\tfollowRedirects = false
\tlowSpeedLimit = 1
\tlowSpeedTime = 60
`;

/** Puts the configuration back to ours, whatever somebody wrote there since. */
export async function trustAgain(gitDir: string): Promise<void> {
  await rm(join(gitDir, 'hooks'), { recursive: true, force: true });
  await rm(join(gitDir, 'info'), { recursive: true, force: true });
  await writeFile(join(gitDir, 'config'), TRUSTED_CONFIG);
}

/** A path as git reads it in a list that colons separate. */
export const quoted = (path: string): string => `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
