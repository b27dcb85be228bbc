import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { IsolationUnavailable } from './isolation.js';

const SYSTEM_PROGRAMS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/run/current-system/sw/bin'];

/** A program of the system itself, wherever the PATH of the agents leads. Throws when it is not there. */
export function systemProgram(name: string): string {
  const found = SYSTEM_PROGRAMS.map((directory) => join(directory, name)).find((path) => existsSync(path));
  if (found === undefined) throw new IsolationUnavailable(`there is no program ${name} on this machine`);
  return found;
}

/** An account of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Who owns nothing on any Unix: the account of agents when the worker is root and no other one is configured. */
export const NOBODY: Account = { name: 'nobody', uid: 65_534, gid: 65_534, home: '/nonexistent' };

export const isRoot = (): boolean => process.getuid?.() === 0;

export async function accountOf(name: string): Promise<Account> {
  const found = await execa(systemProgram('getent'), ['passwd', name], { reject: false, stdin: 'ignore' });
  const [entry, , uid, gid, , home] = (found.stdout ?? '').split(':');
  if (entry === undefined || entry === '' || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? ''))
    throw new IsolationUnavailable(`there is no account ${JSON.stringify(name)} on this machine`);
  if (Number(uid) === 0) throw new IsolationUnavailable(`${name} is root, from whom nothing can be kept`);
  return { name: entry, uid: Number(uid), gid: Number(gid), home: home ?? '/' };
}

/** Neither a capability nor a way to one, such as a set-uid program. */
export const POWERLESS = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'] as const;

/** Becomes the account for good: without a group or a capability of the worker. */
export const becoming = ({ uid, gid, name }: Account): readonly [string, ...string[]] => [
  systemProgram('setpriv'),
  `--reuid=${String(uid)}`,
  `--regid=${String(gid)}`,
  ...(name === NOBODY.name ? ['--clear-groups'] : ['--init-groups']),
  ...POWERLESS,
  '--',
];

/** Gives everything below these paths to an account. Links are given themselves, not what they lead to. */
export async function give(paths: readonly string[], uid: number, gid: number): Promise<void> {
  await chown(['--', `${String(uid)}:${String(gid)}`], paths);
}

/** Takes back what belongs to an account, and leaves alone whatever it may have linked that is somebody else's. */
export async function takeBack(paths: readonly string[], from: Account): Promise<void> {
  const own = `${String(process.getuid?.() ?? 0)}:${String(process.getgid?.() ?? 0)}`;
  await chown([`--from=${String(from.uid)}`, '--', own], paths);
}

async function chown(args: readonly string[], paths: readonly string[]): Promise<void> {
  const options = ['--recursive', '--no-dereference', '-P', ...args, ...paths];
  await execa(systemProgram('chown'), options, { stdin: 'ignore' });
}
