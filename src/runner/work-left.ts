import type { ExecutionDirectory } from './execution-directory.js';

/** What a checkout holds, as it was when its agent was done. */
export interface WorkLeft {
  readonly repository_id: string | null;
  readonly default_branch: string | null;
  readonly head_sha: string | null;
  /** Whether it holds what is in no commit of ours. */
  readonly dirty: boolean;
  /** Whether it holds commits that the server does not have. */
  readonly unpushed: boolean;
}

/** Of a checkout that nobody has looked into nothing is known to be safe. */
const UNKNOWN: WorkLeft = { repository_id: null, default_branch: null, head_sha: null, dirty: true, unpushed: true };

export async function writeWorkLeft(directory: ExecutionDirectory, left: WorkLeft): Promise<void> {
  await directory.write(directory.left, `${JSON.stringify(left)}\n`);
}

export async function readWorkLeft(directory: ExecutionDirectory): Promise<WorkLeft> {
  const left = (await directory.readJson(directory.left)) as WorkLeft | null;
  return left ?? UNKNOWN;
}
