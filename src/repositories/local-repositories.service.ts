import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { RepositoryNotFound } from './repositories.errors.js';
import { RepositoriesStore, type RepositoryRow } from './repositories.store.js';
import { localPathOf } from './repository-source.js';

/** A repository on this host's disk. */
export interface LocalRepository {
  id: string;
  organization_id: string;
  /** Where it was when it was registered, links resolved. */
  path: string;
  default_branch: string | null;
}

/** More than an organization has on one disk. */
const MOST_PATHS = 10_000;

/** Registered repositories that are on this host's disk. */
@Injectable()
export class LocalRepositories {
  constructor(private readonly store: RepositoriesStore) {}

  /** The newest of the organization, up to `limit`. */
  async list(principal: Principal, limit: number): Promise<LocalRepository[]> {
    const rows = await this.store.listLocal(organizationOf(principal), limit);
    return rows.map(localOf).filter((repository) => repository !== null);
  }

  /** Where those of an organization are. */
  async paths(organization_id: string): Promise<string[]> {
    const rows = await this.store.listLocal(organization_id, MOST_PATHS);
    return rows.map(localPathOf).filter((path) => path !== null);
  }

  /** Null for one that is elsewhere. Throws RepositoryNotFound. */
  async find(principal: Principal, id: string): Promise<LocalRepository | null> {
    const row = await this.store.findOwn(organizationOf(principal), id);
    if (row === null) throw new RepositoryNotFound();
    return localOf(row);
  }
}

function localOf(row: RepositoryRow): LocalRepository | null {
  const path = localPathOf(row);
  const { id, organization_id, default_branch } = row;
  return path === null ? null : { id, organization_id, path, default_branch };
}
