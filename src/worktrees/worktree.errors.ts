import { DomainError } from '../domain-error.js';

/** Too many local repositories to look through in one answer. */
export class TooManyLocalRepositories extends DomainError {
  constructor(limit: number) {
    super(
      'worktree/too-many-repositories',
      'invalid',
      `The organization has more than ${String(limit)} repositories on this server's disk: name one with repository_id.`,
      { errors: [{ field: 'repository_id', message: 'repository_id is needed to choose one of many repositories' }] },
    );
  }
}

/** It has no commit to compare. */
export class NothingCommitted extends DomainError {
  constructor() {
    super(
      'worktree/nothing-committed',
      'conflict',
      'There is no commit in this worktree yet, or none that can be read.',
    );
  }
}

/** The files are on another machine, and nothing of them has come here. */
export class WorktreeNotPushed extends DomainError {
  constructor() {
    super(
      'worktree/not-pushed',
      'conflict',
      'The checkout is on the disk of its worker, and nothing of it was pushed or seen: the server has nothing to compare.',
    );
  }
}

/** Something stands against removing it that is not overruled. */
export class WorktreeInUse extends DomainError {
  constructor(why: string) {
    super('worktree/in-use', 'conflict', `The worktree stays: ${why}.`);
  }
}

/** What it holds would be lost. */
export class WorktreeHoldsWork extends DomainError {
  constructor(would_lose: readonly string[]) {
    super(
      'worktree/holds-work',
      'conflict',
      `Its removal would lose what is nowhere else: ${would_lose.join('; ') || 'nobody knows what'}. Ask with force=true to lose it.`,
      { would_lose },
    );
  }
}

/** Nobody can say what it holds. */
export class WorktreeUnread extends DomainError {
  constructor(problem: string) {
    super(
      'worktree/unread',
      'conflict',
      `It could not be looked at, so nobody knows what would be lost: ${problem} Ask with force=true to remove it all the same.`,
    );
  }
}

/** Nobody is there to remove it. */
export class WorkerGone extends DomainError {
  constructor(path: string) {
    super(
      'worktree/worker-gone',
      'conflict',
      `The worker that held it has been deleted, so nobody removes ${path} on its machine. Ask with force=true to have it forgotten here.`,
    );
  }
}

/** Only repositories on the server's disk have linked work trees. */
export class RepositoryElsewhere extends DomainError {
  constructor() {
    super(
      'worktree/repository-elsewhere',
      'conflict',
      "This repository is not on the server's disk, so it has no linked work trees. Give its tasks to workers, who make their own checkouts.",
    );
  }
}
