import type { ExecutionDirectory } from './execution-directory.js';
import type { HandedBack } from './hand-back.js';
import type { Grant } from './protocol.js';

/** What a checkout holds. Null is what nobody has looked at, so that it is neither safe nor work. */
export interface Holdings {
  readonly head_sha: string | null;
  /** Whether it holds what is in no commit. */
  readonly dirty: boolean | null;
  /** Whether it holds commits that the server does not have. */
  readonly unpushed: boolean | null;
  /** Whether its commits are in the default branch. */
  readonly merged: boolean | null;
}

/** What was seen of a checkout in which an agent works. */
export interface Seen extends Holdings {
  /** What is checked out; null when HEAD is detached. */
  readonly branch: string | null;
  /** When something in it was found changed last; null when nothing was since it was made. */
  readonly changed_at: Date | null;
}

/** What a checkout holds, as it was when its agent was done. */
export interface WorkLeft extends Omit<Holdings, 'merged'> {
  readonly repository_id: string | null;
  readonly default_branch: string | null;
}

export const UNSEEN: Holdings = { head_sha: null, dirty: null, unpushed: null, merged: null };
const UNKNOWN: WorkLeft = { repository_id: null, default_branch: null, head_sha: null, dirty: null, unpushed: null };

/** Notes it for the inventory, which then needs no git; without it nothing is taken for safe. */
export async function noteWorkLeft(
  directory: ExecutionDirectory,
  { repository }: Grant,
  { commitSha, dirty, unpushed }: Pick<HandedBack, 'commitSha' | 'dirty' | 'unpushed'>,
): Promise<void> {
  const left: WorkLeft = {
    repository_id: repository?.id ?? null,
    default_branch: repository?.default_branch ?? null,
    head_sha: commitSha,
    ...{ dirty, unpushed },
  };
  await directory.write(directory.left, `${JSON.stringify(left)}\n`);
}

export async function readWorkLeft(directory: ExecutionDirectory): Promise<WorkLeft> {
  const left = (await directory.readJson(directory.left)) as WorkLeft | null;
  return left ?? UNKNOWN;
}
