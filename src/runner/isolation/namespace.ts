import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { KNOWN_CLIS } from '../cli-names.js';
import type { ExecutionDirectory } from '../execution-directory.js';
import { becoming, give, isRoot, NOBODY, POWERLESS, systemProgram, takeBack } from './account.js';
import { IsolationUnavailable, type Argv, type Isolation, type StartedCommand } from './isolation.js';
import { directoriesOf, placesOf } from './program-places.js';
import { NAMESPACE_SCRIPT } from './sandbox-scripts.js';

/** What makes up the system: programs, libraries, settings. No home, no data, no sockets. */
const SYSTEM = ['/usr', '/etc', '/opt', '/nix', '/run/current-system'];
/** Links into the above on most systems, directories of their own on others. */
const SYSTEM_LINKS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Where the home is when the worker has none that could be one. */
const SOME_HOME = '/home/agent';
const LARGEST_HOME_FILE = 1024 * 1024;

export interface NamespaceOptions {
  /** The worker's directory. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** More paths to read, and to write. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** Paths below the system's that are not to be seen. */
  readonly hidden: readonly string[];
  /** Files of the worker's home that each agent gets a copy of. */
  readonly homeFiles: readonly string[];
}

/** What every agent of this worker sees, as arguments of the script. */
interface Sight {
  readonly system: readonly string[];
  /** Beyond the system, and maybe below the home. */
  readonly more: readonly string[];
}

/**
 * Agents run in mount and PID namespaces: they see the system, their checkout, a home and a place for temporary files of
 * their own, and no process but theirs. An ordinary account gets there by a user namespace; root becomes nobody.
 */
export class Namespaces implements Isolation {
  readonly level = 'namespace';
  readonly hasOwnHomes = true;

  private constructor(
    private readonly options: NamespaceOptions,
    private sight: Sight,
    /** Path of the home inside. */
    private readonly home: string,
  ) {}

  static async on(options: NamespaceOptions): Promise<Namespaces> {
    const home = homeOf(options.environment);
    return new Namespaces(options, await sightOf(options, home), home);
  }

  get means(): string {
    return isRoot() ? 'mount and PID namespaces, as nobody' : 'user, mount and PID namespaces';
  }

  /** Sees what has been installed meanwhile. */
  async lookAgain(): Promise<void> {
    this.sight = await sightOf(this.options, this.home);
  }

  async admit(directory: ExecutionDirectory, furnish?: (home: string) => Promise<void>): Promise<void> {
    for (const path of [directory.home, directory.temporary, directory.root])
      await mkdir(path, { recursive: true, mode: 0o700 });
    for (const name of this.options.homeFiles) await this.bring(name, directory.home);
    await furnish?.(directory.home);
    const own = [directory.checkout, directory.home, directory.temporary];
    if (isRoot()) await give(own, NOBODY.uid, NOBODY.gid);
  }

  command(argv: Argv, directory: ExecutionDirectory): StartedCommand {
    const hide = [this.options.directory, this.home, ...this.options.hidden].flatMap((path) => ['hide', path]);
    const places = [
      ...[directory.root, ...this.sight.system, ...hide, 'devices'],
      ...['write', directory.temporary, '/tmp', 'write', directory.home, this.home],
      ...this.sight.more,
      // Last, as the worker's directory may lie below any of the others.
      ...['write', directory.checkout, directory.checkout, 'run', directory.checkout],
    ];
    const user = isRoot() ? [] : ['--user', '--map-root-user'];
    const apart = ['--mount', '--pid', '--ipc', '--fork', '--kill-child', '--propagation', 'private', '--'];
    const environment = Object.fromEntries(
      Object.entries({ ...this.options.environment, HOME: this.home }).filter(([name]) => name !== 'TMPDIR'),
    );
    const script = [systemProgram('sh'), '-c', NAMESPACE_SCRIPT, 'sandbox', ...places, argv[0]];
    const command: Argv = [systemProgram('unshare'), ...user, ...apart, ...script, ...powerless(), ...argv];
    return { argv: command, program: argv[0], environment, confirms: true };
  }

  async reclaim(directory: ExecutionDirectory): Promise<void> {
    if (isRoot()) await takeBack([directory.checkout], NOBODY);
    await directory.removeTemporary();
  }

  /** A copy, so that nothing an agent writes reaches the worker's own home. */
  private async bring(name: string, home: string): Promise<void> {
    // The worker's home, also where it cannot be one inside.
    const from = join(this.options.environment['HOME'] ?? this.home, name);
    const status = await lstat(from).catch(() => null);
    if (status === null || !status.isFile() || status.size > LARGEST_HOME_FILE) return;
    const to = join(home, name);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** The script keeps its rights over the mounts; what it starts has none, and so cannot undo them. */
function powerless(): readonly string[] {
  if (isRoot()) return becoming(NOBODY);
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const again = [systemProgram('unshare'), '--user', `--map-user=${String(uid)}`, `--map-group=${String(gid)}`, '--'];
  return [...again, systemProgram('setpriv'), ...POWERLESS, '--'];
}

function homeOf({ HOME: home = '' }: Readonly<Record<string, string>>): string {
  const isElsewhere = !isAbsolute(home) || resolve(home) === '/' || isSystem(home);
  return isElsewhere || ['/proc', '/dev'].some((path) => isBelow(home, path)) ? SOME_HOME : resolve(home);
}

async function sightOf({ directory, environment, readable, writable }: NamespaceOptions, home: string): Promise<Sight> {
  const system: string[] = [];
  for (const path of [...SYSTEM, ...SYSTEM_LINKS]) {
    const status = await lstat(path).catch(() => null);
    if (status?.isSymbolicLink() === true) system.push('link', await readlink(path), path);
    else if (status !== null) system.push('read', path);
  }
  const own = [home, environment['HOME'] ?? home, directory];
  for (const path of [...readable, ...writable])
    if (!isAbsolute(path) || own.some((hidden) => isBelow(hidden, path)))
      throw new IsolationUnavailable(`${path} is no path of its own beside the home and the directory of the worker`);
  const path = environment['PATH'] ?? '';
  const found = [...(await directoriesOf(path)), ...(await placesOf(KNOWN_CLIS, path, own)), ...(await nameService())];
  // A directory that holds the home or the worker's own would show what is to be hidden.
  const fit = found.filter((path) => !own.some((hidden) => isBelow(hidden, path)) && !isSystem(path));
  const more = [...outermost(fit), ...readable].flatMap((path) => ['read', path]);
  return { system, more: [...more, ...writable.flatMap((path) => ['write', path, path])] };
}

/** Some systems have the file that finds names in a directory of sockets, which is otherwise not for agents. */
async function nameService(): Promise<string[]> {
  const path = await realpath('/etc/resolv.conf').catch(() => '/etc/resolv.conf');
  return path.startsWith('/etc/') ? [] : [path];
}

/** Without what comes along with another. */
const outermost = (paths: readonly string[]): string[] =>
  [...new Set(paths)].filter((path, _, all) => !all.some((other) => other !== path && isBelow(path, other)));

const isSystem = (path: string): boolean => [...SYSTEM, ...SYSTEM_LINKS].some((known) => isBelow(path, known));

const isBelow = (path: string, directory: string): boolean => path === directory || path.startsWith(directory + sep);
