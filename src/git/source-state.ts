import { createHash } from 'node:crypto';
import { lstat, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MirrorRecord } from './mirror-records.js';
import { refStateOf } from './ref-state.js';

/** In the mirror, so that all processes that share it know. */
const NOTE = 'source-state';
/** What nobody thinks of is seen after so long all the same, by a fetch. */
const TRUSTED_MS = 60_000;
/**
 * Disks of this very host (statfs(2)): ext, XFS, Btrfs, tmpfs, overlay, ZFS, F2FS. Over a network the times of files are
 * told late, and by another clock.
 */
const OWN_DISKS = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010]);

/**
 * What tells whether a source on this host's disk is still what it was, as far as a fetch would bring anything. Null when
 * nobody can tell: where git keeps elsewhere what belongs to it, or when something was changed a moment ago.
 */
export async function sourceStateOf({ source, ...chosen }: MirrorRecord): Promise<string | null> {
  if (source.kind !== 'local') return null;
  const inside = await lstat(join(source.path, '.git')).catch(() => null);
  if (inside !== null && !inside.isDirectory()) return null;
  const directory = inside === null ? source.path : join(source.path, '.git');
  const disk = await statfs(directory).catch(() => null);
  if (disk === null || !OWN_DISKS.has(disk.type)) return null;
  // Not every program that writes references replaces their files.
  const state = await refStateOf(directory, { each: true });
  // The branch of the mirror's HEAD is a matter of the fetch as well.
  const branch = chosen.default_branch_chosen ? chosen.default_branch : null;
  return (
    state &&
    createHash('sha256')
      .update(JSON.stringify([source.path, branch, state]))
      .digest('hex')
  );
}

/** Notes in a mirror what its source was before it was fetched from; null forgets. */
export async function noteSource(mirror: string, state: string | null): Promise<void> {
  if (state === null) await rm(join(mirror, NOTE), { force: true });
  else await writeFile(join(mirror, NOTE), state, { mode: 0o600 });
}

/** Whether a mirror has all that its local source has. Its last fetch went well, and is not long ago. */
export async function isUnchanged(mirror: string, record: MirrorRecord): Promise<boolean> {
  const { last_error, synced_ms_ago } = record;
  if (last_error !== null || synced_ms_ago === null || synced_ms_ago > TRUSTED_MS) return false;
  const noted = await readFile(join(mirror, NOTE), 'latin1').catch(() => null);
  return noted !== null && noted === (await sourceStateOf(record));
}
