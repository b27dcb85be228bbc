import { Injectable } from '@nestjs/common';
import { MirrorRecords, type MirrorRecord, type MirrorSource } from '../git/mirror-records.js';
import { RepositoriesStore, type ForMirror } from './repositories.store.js';

/** What the mirrors know of the repositories, and what they report of them. */
@Injectable()
export class RepositoryRecords extends MirrorRecords {
  constructor(private readonly store: RepositoriesStore) {
    super();
  }

  override async find(repository_id: string): Promise<MirrorRecord | null> {
    const row = await this.store.findForMirror(repository_id);
    if (row === null) return null;
    const { default_branch, synced_ms_ago } = row;
    return { source: sourceOf(row), default_branch, synced_ms_ago };
  }

  override synced(repository_id: string, default_branch: string | null): Promise<void> {
    return this.store.markSynced(repository_id, default_branch);
  }

  override failed(repository_id: string, detail: string): Promise<void> {
    return this.store.markFailed(repository_id, detail);
  }
}

/** A path on disk is what the key holds, links resolved; it is resolved and judged again at each fetch. */
function sourceOf({ clone_url, source_key }: ForMirror): MirrorSource {
  if (source_key.startsWith('file:')) return { kind: 'local', path: source_key.slice('file:'.length) };
  if (clone_url === null) throw new Error('a repository has no source');
  return { kind: 'remote', url: clone_url };
}
