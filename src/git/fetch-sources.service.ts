import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { AddressRefused, GitFailed, LocalPathRefused } from './git.errors.js';
import { LocalPathsService } from './local-paths.service.js';
import type { FetchSource } from './mirror.js';
import { MirrorRecords, type MirrorSource } from './mirror-records.js';
import { pinned, publicAddresses } from './remote-address.js';

const RESOLVE_MS = 2000;
const REMOTE_TIMEOUT_MS = 30 * 60_000;
const LOCAL_TIMEOUT_MS = 10 * 60_000;
// As much as one push may bring (`receive.maxInputSize`).
const REMOTE_MAX_BYTES = 2 * 1024 ** 3;

/** Judges where mirrors are fetched from. */
@Injectable()
export class FetchSources {
  constructor(
    private readonly config: GitConfig,
    private readonly localPaths: LocalPathsService,
    private readonly records: MirrorRecords,
  ) {}

  /**
   * Judges a URL that is about to be registered. Throws AddressRefused when it leads to a private network; a name
   * that cannot be resolved now is judged when it can.
   */
  async assertMayClone(url: string): Promise<void> {
    if (this.config.private_addresses) return;
    const judged = publicAddresses(url).then(
      () => null,
      (error: unknown) => error,
    );
    const outcome = await Promise.race([judged, elapsed(RESOLVE_MS)]);
    if (outcome instanceof AddressRefused) throw outcome;
  }

  /** Judges a path that is about to be registered, and gives where it is. Throws LocalPathRefused. */
  mayRead(path: string): ReturnType<LocalPathsService['locate']> {
    return this.localPaths.locate(path);
  }

  /** Where to fetch from, checked at each fetch: names and links may lead elsewhere than they did before. */
  async find(repository_id: string, source: MirrorSource): Promise<FetchSource> {
    try {
      return source.kind === 'local'
        ? await this.local(repository_id, source.path)
        : await this.remote(repository_id, source.url);
    } catch (error) {
      // The caller has named neither the path nor the address now, so the failure is git's, not theirs.
      if (error instanceof LocalPathRefused) throw new GitFailed(error.reason, { cause: error });
      if (error instanceof AddressRefused) throw new GitFailed('not_allowed', { cause: error });
      throw error;
    }
  }

  private async local(repository_id: string, path: string): Promise<FetchSource> {
    const { path: address, common } = await this.localPaths.locate(path);
    await this.records.located(repository_id, address, common);
    // What they change about the history comes with no fetch.
    const grafts = await stat(join(common, 'info/grafts')).catch(() => null);
    if (grafts !== null && grafts.size > 0) throw new GitFailed('grafts');
    return { address, protocols: ['file'], settings: {}, timeout_ms: LOCAL_TIMEOUT_MS };
  }

  private async remote(repository_id: string, url: string): Promise<FetchSource> {
    const settings = this.config.private_addresses ? {} : pinned(url, await this.publicAddresses(url));
    const protocol = new URL(url).protocol.slice(0, -1);
    const credentials = protocol === 'https' ? await this.records.credentials(repository_id) : null;
    return {
      address: url,
      protocols: [protocol],
      settings,
      timeout_ms: REMOTE_TIMEOUT_MS,
      max_bytes: REMOTE_MAX_BYTES,
      ...(credentials && { credentials: { ...credentials, url } }),
    };
  }

  private async publicAddresses(url: string): Promise<readonly string[]> {
    try {
      return await publicAddresses(url);
    } catch (error) {
      throw error instanceof AddressRefused ? error : new GitFailed('unreachable', { cause: error });
    }
  }
}

const elapsed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
