import type { Credentials } from './asked-credentials.js';

/** Where a mirror is fetched from. */
export type MirrorSource = { kind: 'local'; path: string } | { kind: 'remote'; url: string };

/** What is known of a repository that has, or is to have, a mirror. */
export interface MirrorRecord {
  source: MirrorSource;
  /** Null until somebody or the first fetch has told. */
  default_branch: string | null;
  /** Whether somebody chose it; else it is the source's. */
  default_branch_chosen: boolean;
  /** What people were told of the last fetch, if it failed. */
  last_error: string | null;
  /** Milliseconds since the last fetch that went well, by the database's clock; null before the first. */
  synced_ms_ago: number | null;
}

/** What became of the branches that executions had pushed, which a mirror alone has, when it was made anew. */
export interface Rebuilt {
  /** Those that are whole in the new one. */
  saved: string[];
  /** Those that could not be read any more. */
  lost: string[];
}

/** The port through which mirrors learn of repositories and report on them; the repositories implement it. */
export abstract class MirrorRecords {
  /** Null when there is no such repository any more. */
  abstract find(repository_id: string): Promise<MirrorRecord | null>;

  /**
   * What its host is to be told when it asks who fetches; null when there is nothing. Only for a fetch of this
   * repository. Throws GitFailed `sealed` when it is kept and cannot be read.
   */
  abstract credentials(repository_id: string): Promise<Credentials | null>;

  /**
   * A source on this host's disk was looked at: where it is, and the git directory that all its work trees have in common.
   * It may be known by another place still.
   */
  abstract located(repository_id: string, path: string, common: string): Promise<void>;

  /**
   * A fetch went well; `default_branch` is null when an empty repository has none yet, `notice` when there is nothing
   * to be said of what was fetched.
   */
  abstract synced(repository_id: string, default_branch: string | null, notice: string | null): Promise<void>;

  /** A damaged mirror was made anew. */
  abstract rebuilt(repository_id: string, outcome: Rebuilt): Promise<void>;

  /** A fetch failed; `detail` is for people and holds no path, address or secret. */
  abstract failed(repository_id: string, detail: string): Promise<void>;
}
