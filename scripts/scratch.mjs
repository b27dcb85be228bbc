// Where files go that nobody keeps. Tests make hundreds of thousands of them: databases, repositories, checkouts.
import { accessSync, constants, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IN_MEMORY = '/dev/shm';
const TMPFS = 0x01021994;
const GIB = 1024 ** 3;
/** A whole run stays below half of it. */
const ROOM = 2 * GIB;

/** Everywhere that `scratchParent` may have chosen in an earlier run. */
export const scratchParents = () => [...new Set([tmpdir(), IN_MEMORY])];

/**
 * The directory to make temporary ones in: in memory where there is plenty (on some disks making a file costs a hundred
 * times as much), else the system's. Whoever sets TMPDIR has chosen.
 */
export function scratchParent() {
  return !process.env.TMPDIR && hasRoom() && runsPrograms() ? IN_MEMORY : tmpdir();
}

function hasRoom() {
  try {
    const { type, bavail, bsize } = statfsSync(IN_MEMORY);
    return type === TMPFS && bavail * bsize >= ROOM && process.availableMemory() >= 2 * ROOM;
  } catch {
    return false;
  }
}

/** Containers like to forbid it there, and tests write programs. */
function runsPrograms() {
  let directory;
  try {
    directory = mkdtempSync(join(IN_MEMORY, 'miyabi-probe-'));
    const program = join(directory, 'program');
    writeFileSync(program, '', { mode: 0o700 });
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  } finally {
    if (directory) rmSync(directory, { recursive: true, force: true });
  }
}
