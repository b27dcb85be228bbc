import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One live process (zombies are left out: they are over, only not yet reaped). */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** 0 where the system does not tell. */
  readonly session: number;
  /** When it started, in a form that only serves comparison; tells a process from a later one with the same pid. */
  readonly started: string;
  /** Whether the environment it was started with holds this `NAME=value`. */
  hasVariable(assignment: string): boolean;
  /** Its working directory, or null when it cannot be read. */
  directory(): string | null;
}

/** All live processes of this machine that can be seen. */
export const processTable = (): ProcessEntry[] => (process.platform === 'linux' ? linuxTable() : psTable());

export const findProcess = (pid: number): ProcessEntry | null => {
  if (process.platform === 'linux') return linuxEntry(String(pid));
  return psTable().find((entry) => entry.pid === pid) ?? null;
};

function linuxTable(): ProcessEntry[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (linuxEntry(name) ?? []) : []));
}

function linuxEntry(name: string): ProcessEntry | null {
  const stat = readOrNull(`/proc/${name}/stat`);
  if (stat === null) return null;
  // The second field is the command in brackets and may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group, session] = fields;
  if (state === undefined || state === 'Z' || state === 'X') return null;
  return {
    pid: Number(name),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    started: fields[19] ?? '',
    hasVariable: (assignment) => `\0${readOrNull(`/proc/${name}/environ`) ?? ''}\0`.includes(`\0${assignment}\0`),
    directory: () => linkOrNull(`/proc/${name}/cwd`),
  };
}

/** macOS and others: `-E` appends the environment to the command of own processes. */
function psTable(): ProcessEntry[] {
  const options = process.platform === 'darwin' ? ['-A', '-E', '-ww'] : ['-A', 'e', '-ww'];
  const format = ['pid=', 'ppid=', 'pgid=', 'stat=', 'lstart=', 'command='].flatMap((column) => ['-o', column]);
  const output = execFileSync('ps', [...options, ...format], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return output.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
    if (match === null) return [];
    const [, pid, parent, group, state, started = '', command = ''] = match;
    if (state?.startsWith('Z')) return [];
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: 0,
      started,
      hasVariable: (assignment: string) => ` ${command} `.includes(` ${assignment} `),
      directory: () => null,
    };
  });
}

/** A process that ended, or belongs to somebody else, simply has nothing to read. */
function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function linkOrNull(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
