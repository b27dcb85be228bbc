import { Injectable } from '@nestjs/common';
import { AccessKeysService } from '../auth/access-keys.service.js';
import { DomainError } from '../domain-error.js';
import { GitAccess, type ExecutionGrant } from '../git/git-access.js';
import { isId } from '../ids.js';
import { LeasesService } from '../queue/leases.service.js';
import { ExecutionsStore } from './executions.store.js';
import { SightsStore } from './sights.store.js';

/** What Git lets the holder of an execution do: read its repository, and write its own branch while it is current. */
@Injectable()
export class ExecutionGitAccess extends GitAccess {
  constructor(
    private readonly keys: AccessKeysService,
    private readonly executions: ExecutionsStore,
    private readonly leases: LeasesService,
    private readonly sights: SightsStore,
  ) {
    super();
  }

  override async forExecution(executionId: string, workerToken: string): Promise<ExecutionGrant | null> {
    if (!isId(executionId)) return null;
    const worker = await this.identify(workerToken);
    const execution = await this.executions.findOne(null, executionId);
    if (worker === null || execution?.worker_id !== worker || execution.repository_id === null) return null;
    return {
      repository_id: execution.repository_id,
      branch: execution.branch,
      current: await this.leases.isCurrent(executionId),
      worker_id: worker,
    };
  }

  /** A fact about an attempt that runs: should its worker be lost, the next one finds the branch. */
  override notePush(executionId: string, commitSha: string): Promise<void> {
    return this.executions.setPushed(executionId, commitSha);
  }

  override noteSnapshot(executionId: string, commitSha: string): Promise<boolean> {
    return this.sights.set(executionId, commitSha);
  }

  /** Id of the worker whose token it is; null when it is nobody's. */
  private async identify(token: string): Promise<string | null> {
    try {
      const principal = await this.keys.identify(token);
      return principal.kind === 'worker' ? principal.id : null;
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'unauthenticated') return null;
      throw error;
    }
  }
}
