import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { brokenCursor, cursorParts, isCursorId, pageBy, type Page } from '../http/page.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import {
  DeploymentEnvironmentsStore,
  type EnvironmentPlace,
  type EnvironmentStatus,
} from './deployment-environments.store.js';

export type { EnvironmentStatus };

export interface DeploymentStatusInput {
  repository_id?: string;
  environment?: string;
  limit: number;
  cursor?: string;
}

/** What is where. */
@Injectable()
export class DeploymentStatusService {
  constructor(
    private readonly store: DeploymentEnvironmentsStore,
    private readonly repositories: RepositoriesService,
  ) {}

  /** Each environment that anything was recorded for. Throws RepositoryNotFound, or InvalidInput for a broken cursor. */
  async list<T>(
    principal: Principal,
    { repository_id, environment, limit, cursor }: DeploymentStatusInput,
    present: (status: EnvironmentStatus) => T,
  ): Promise<Page<T>> {
    const after = readEnvironment(cursor);
    if (repository_id !== undefined) await this.repositories.get(principal, repository_id);
    const wanted = { repository_id: repository_id ?? null, environment: environment ?? null };
    const rows = await this.store.findStatus(organizationOf(principal), wanted, after, limit);
    return pageBy(rows, limit, present, (row) => [row.repository_id, row.environment]);
  }
}

function readEnvironment(cursor: string | undefined): EnvironmentPlace | null {
  if (cursor === undefined) return null;
  const [repository_id, environment, ...more] = cursorParts(cursor);
  if (isCursorId(repository_id) && typeof environment === 'string' && isPlain(environment) && more.length === 0)
    return { repository_id, environment };
  throw brokenCursor();
}

/** As environments are called. */
const isPlain = (text: string): boolean => /^[a-z0-9._-]{1,63}$/.test(text);
