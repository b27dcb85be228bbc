/** Where a mirror is fetched from. */
export type MirrorSource = { kind: 'local'; path: string } | { kind: 'remote'; url: string };

/** What is known of a repository that has, or is to have, a mirror. */
export interface MirrorRecord {
  source: MirrorSource;
  /** Null until somebody or the first fetch has told. */
  default_branch: string | null;
  /** Milliseconds since the last fetch that went well, by the database's clock; null before the first. */
  synced_ms_ago: number | null;
}

/** The port through which mirrors learn of repositories and report on them; the repositories implement it. */
export abstract class MirrorRecords {
  /** Null when there is no such repository any more. */
  abstract find(repository_id: string): Promise<MirrorRecord | null>;

  /** A fetch went well; `default_branch` is null when an empty repository has none yet. */
  abstract synced(repository_id: string, default_branch: string | null): Promise<void>;

  /** A fetch failed; `detail` is for people and holds no path, address or secret. */
  abstract failed(repository_id: string, detail: string): Promise<void>;
}
