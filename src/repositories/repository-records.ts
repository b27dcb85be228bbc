import { Injectable } from '@nestjs/common';
import { SYSTEM } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { EventsService } from '../events/events.service.js';
import type { Credentials } from '../git/asked-credentials.js';
import { MirrorRecords, type MirrorRecord, type MirrorSource, type Rebuilt } from '../git/mirror-records.js';
import { CredentialSeals } from './credential-seals.js';
import { localPathOf, localSource } from './repository-source.js';
import { RepositoriesStore, type ForMirror } from './repositories.store.js';

// An event is no list.
const MOST_NAMES = 100;

/** What the mirrors know of the repositories, and what they report of them. */
@Injectable()
export class RepositoryRecords extends MirrorRecords {
  constructor(
    private readonly store: RepositoriesStore,
    private readonly seals: CredentialSeals,
    private readonly events: EventsService,
    private readonly database: Database,
  ) {
    super();
  }

  override async find(repository_id: string): Promise<MirrorRecord | null> {
    const row = await this.store.findForMirror(repository_id);
    if (row === null) return null;
    const { default_branch, default_branch_chosen, last_error, synced_ms_ago } = row;
    return { source: sourceOf(row), default_branch, default_branch_chosen, last_error, synced_ms_ago };
  }

  override credentials(repository_id: string): Promise<Credentials | null> {
    return this.seals.open(repository_id);
  }

  override located(repository_id: string, path: string, common: string): Promise<void> {
    return this.store.setSourceKey(repository_id, localSource(path, common, null).source_key);
  }

  override synced(repository_id: string, default_branch: string | null, notice: string | null): Promise<void> {
    return this.store.markSynced(repository_id, default_branch, notice);
  }

  override async rebuilt(repository_id: string, { saved, lost }: Rebuilt): Promise<void> {
    const [repository] = await this.store.findMany([repository_id]);
    if (repository === undefined) return;
    const lost_branches = lost.slice(0, MOST_NAMES);
    await this.database.transaction(async () => {
      await this.store.markRebuilt(repository_id, lost_branches);
      await this.events.record({
        organization_id: repository.organization_id,
        type: 'repository.mirror_rebuilt',
        actor: SYSTEM,
        subject: { repository_id },
        data: {
          saved: saved.length,
          saved_branches: saved.slice(0, MOST_NAMES),
          lost: lost.length,
          lost_branches,
        },
      });
    });
  }

  override failed(repository_id: string, detail: string): Promise<void> {
    return this.store.markFailed(repository_id, detail);
  }
}

/** A path on disk is resolved and judged again at each fetch. */
function sourceOf(row: ForMirror): MirrorSource {
  const path = localPathOf(row);
  if (path !== null) return { kind: 'local', path };
  if (row.clone_url === null) throw new Error('a repository has no source');
  return { kind: 'remote', url: row.clone_url };
}
