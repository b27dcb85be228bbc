/** What the holder of an execution may do with Git. */
export interface ExecutionGrant {
  repository_id: string;
  /** The one branch it may push, without `refs/heads/`; null when it has none. */
  branch: string | null;
  /** Whether it is its task's current execution: only then may it push. */
  current: boolean;
  worker_id: string;
}

/** The port through which Git learns what an execution may read and write; executions implement it. */
export abstract class GitAccess {
  /** Null when the execution is not there, has no repository, or the token is not that of its worker. */
  abstract forExecution(execution_id: string, worker_token: string): Promise<ExecutionGrant | null>;

  /** Says that the branch of an execution is this commit now, before the worker learns that its push is over. */
  abstract notePush(execution_id: string, commit_sha: string): Promise<void>;

  /** Says that the checkout of an execution holds what this commit does. False when the execution does not run any more. */
  abstract noteSnapshot(execution_id: string, commit_sha: string): Promise<boolean>;
}
