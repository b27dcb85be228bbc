import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isId } from '../ids.js';
import type { Occupant } from './cleanup.js';
import { ExecutionDirectory } from './execution-directory.js';
import { readWorkLeft, UNSEEN, type Holdings } from './work-left.js';
import type { House } from './house.js';
import type { WorktreeReport } from './protocol.js';
import type { Workload } from './workload.js';

const LONGEST_REASON = 1000;
const LONGEST_BRANCH = 255;

/**
 * Looks at what is on the disk. What a checkout holds is what was seen of it last while its execution runs, and was written
 * down when its agent was done: no git runs in there.
 */
export class Inventory {
  constructor(
    private readonly house: Pick<House, 'directory' | 'cache'>,
    private readonly workload: Pick<Workload, 'has' | 'seen'>,
  ) {}

  async checkouts(): Promise<WorktreeReport[]> {
    const reports: WorktreeReport[] = [];
    for (const directory of await ExecutionDirectory.all(this.house.directory)) {
      // It may be removed while it is looked at.
      const report = await this.report(directory).catch(() => null);
      if (report !== null) reports.push(report);
    }
    return reports;
  }

  /** Everything that takes room, with what must stay. */
  async occupants(checkouts: readonly WorktreeReport[]): Promise<Occupant[]> {
    return [...checkouts.map((one) => this.occupant(one)), ...(await this.caches())];
  }

  private occupant(report: WorktreeReport): Occupant {
    const { execution_id: id, size_bytes: bytes, changed_at } = report;
    return {
      kind: 'checkout',
      id,
      bytes,
      usedAt: Date.parse(changed_at),
      stays: this.reasonToStay(report),
      holds: heldIn(report),
    };
  }

  private reasonToStay({ execution_id, kept_because }: WorktreeReport): string | null {
    if (this.workload.has(execution_id)) return 'its execution runs, or its result is not delivered yet';
    return kept_because === null ? 'it has not been settled yet' : null;
  }

  private async caches(): Promise<Occupant[]> {
    const folder = join(this.house.directory, 'cache');
    const names = (await readdir(folder).catch(() => [])).filter((name) => isId(name.replace(/\.git$/, '')));
    return Promise.all(
      names.map(async (name): Promise<Occupant> => {
        const [path, id] = [join(folder, name), name.replace(/\.git$/, '')];
        const usedAt = (await stat(path).catch(() => null))?.mtimeMs ?? 0;
        const stays = this.house.cache.isInUse(id) ? 'an execution reads it' : null;
        return { kind: 'cache', id, bytes: await sizeOf(path), usedAt, stays, holds: null };
      }),
    );
  }

  private async report(directory: ExecutionDirectory): Promise<WorktreeReport> {
    const status = await stat(directory.path);
    const seen = this.workload.seen(directory.executionId);
    const { bytes, worked_at } = await measure(directory);
    const held = seen === undefined ? await this.left(directory, worked_at) : (seen ?? UNSEEN);
    const kept = await readFile(directory.kept, 'utf8').catch(() => null);
    const claim = (await directory.readJson(directory.claim)) as { branch?: unknown } | null;
    const claimed = typeof claim?.branch === 'string' ? claim.branch : null;
    const branch = seen ? seen.branch : claimed;
    return {
      execution_id: directory.executionId,
      path: directory.checkout,
      branch: branch?.slice(0, LONGEST_BRANCH).toWellFormed() ?? null,
      head_sha: held.head_sha,
      dirty: held.dirty,
      unpushed: held.unpushed,
      merged: held.merged,
      size_bytes: bytes,
      kept_because: kept === null ? null : reasonIn(kept),
      created_at: new Date(status.birthtimeMs).toISOString(),
      changed_at: (seen?.changed_at ?? new Date(status.mtimeMs)).toISOString(),
    };
  }

  private async left(directory: ExecutionDirectory, worked_at: number): Promise<Holdings> {
    const { repository_id, default_branch, ...left } = await readWorkLeft(directory);
    const noted = await stat(directory.left).catch(() => null);
    // Somebody works in what was kept: what was noted of it is no longer so.
    if (noted !== null && worked_at > noted.mtimeMs) return { ...UNSEEN, head_sha: left.head_sha };
    const { head_sha } = left;
    const isKnown = head_sha !== null && repository_id !== null && default_branch !== null;
    return {
      ...left,
      merged: isKnown ? await this.house.cache.contains(repository_id, default_branch, head_sha) : null,
    };
  }
}

function heldIn({ dirty, unpushed, merged }: WorktreeReport): string | null {
  if (dirty === null || unpushed === null) return 'nobody has looked at what it holds';
  if (dirty) return 'it holds changes that are in no commit';
  return unpushed && merged !== true ? 'it holds commits that are nowhere else' : null;
}

const reasonIn = (text: string): string =>
  (text.split('\n')[0] ?? '')
    .replace(/^This checkout is kept because /, '')
    .replace(/\.$/, '')
    .slice(0, LONGEST_REASON);

/** What an execution takes on the disk, and when something in its checkout changed last. */
async function measure({ path, checkout }: ExecutionDirectory): Promise<{ bytes: number; worked_at: number }> {
  // Whoever only asks git what there is has it write its index.
  const looked = [join(checkout, '.git'), join(checkout, '.git', 'index')];
  let worked_at = 0;
  const bytes = await sizeOf(path, (place, { mtimeMs }) => {
    const isWork = (place === checkout || place.startsWith(checkout + sep)) && !looked.includes(place);
    if (isWork) worked_at = Math.max(worked_at, mtimeMs);
  });
  return { bytes, worked_at };
}

/** Bytes that a tree takes on the disk. Links are not followed; a file with two names counts twice. */
export async function sizeOf(path: string, visit?: (place: string, status: Stats) => void): Promise<number> {
  let bytes = 0;
  const waiting = [path];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const status = await lstat(place).catch(() => null);
    if (status === null) continue;
    bytes += status.blocks * 512;
    visit?.(place, status);
    if (!status.isDirectory()) continue;
    const names = await readdir(place).catch(() => []);
    waiting.push(...names.map((name) => join(place as string, name)));
  }
  return bytes;
}
