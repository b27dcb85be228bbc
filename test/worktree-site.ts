/** A worktree as the API tells it. */
export interface ListedWorktree {
  id: string;
  repository_id: string | null;
  path: string;
  branch: string | null;
  head_sha: string | null;
  kind: string;
  dirty: boolean | null;
  size_bytes: number | null;
  would_lose: string[];
  kept_because: string | null;
  problem: string | null;
  removal_requested_at: string | null;
}

export interface WorktreeAnswer {
  items: ListedWorktree[];
  next_cursor: string | null;
  unread: unknown[];
}
