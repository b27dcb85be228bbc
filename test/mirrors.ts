import { join } from 'node:path';
import { GitConfig } from '../src/config/git.config.js';
import { BranchesService } from '../src/git/branches.service.js';
import type { CommitPosition } from '../src/git/commit-position.js';
import { CommitChangesService } from '../src/git/commit-changes.service.js';
import { CommitsService } from '../src/git/commits.service.js';
import { DiffsService } from '../src/git/diffs.service.js';
import { FetchSources } from '../src/git/fetch-sources.service.js';
import { FirstOrder } from '../src/git/first-order.js';
import { GitProcess } from '../src/git/git-process.js';
import { HistoriesService } from '../src/git/histories.service.js';
import { LocalPathsService } from '../src/git/local-paths.service.js';
import { MirrorRecords, type MirrorRecord, type Rebuilt } from '../src/git/mirror-records.js';
import { MirrorsService } from '../src/git/mirrors.service.js';
import { newId } from '../src/ids.js';
import { git, type Scratch } from './scratch-git.js';

/** The port of the mirrors, over a map. */
export class RecordsInMemory extends MirrorRecords {
  readonly rows = new Map<string, MirrorRecord>();
  readonly outcomes: string[] = [];
  readonly notices: string[] = [];

  add(source: string | URL, default_branch: string | null = null): string {
    const id = newId();
    const from =
      typeof source === 'string'
        ? { kind: 'local' as const, path: source }
        : { kind: 'remote' as const, url: source.href };
    this.rows.set(id, {
      source: from,
      default_branch,
      default_branch_chosen: default_branch !== null,
      last_error: null,
      synced_ms_ago: null,
    });
    return id;
  }

  override find(id: string): Promise<MirrorRecord | null> {
    return Promise.resolve(this.rows.get(id) ?? null);
  }

  override credentials(): Promise<null> {
    return Promise.resolve(null);
  }

  override located(): Promise<void> {
    return Promise.resolve();
  }

  override synced(id: string, default_branch: string | null, notice: string | null): Promise<void> {
    if (notice !== null) this.notices.push(notice);
    this.outcomes.push(`synced ${String(default_branch)}`);
    const row = this.rows.get(id);
    if (row) this.rows.set(id, { ...row, default_branch, last_error: null, synced_ms_ago: 0 });
    return Promise.resolve();
  }

  override rebuilt(_: string, { saved, lost }: Rebuilt): Promise<void> {
    this.outcomes.push(`rebuilt with ${saved.join(' ')} without ${lost.join(' ')}`);
    return Promise.resolve();
  }

  override failed(id: string, detail: string): Promise<void> {
    this.outcomes.push(`failed ${detail}`);
    const row = this.rows.get(id);
    if (row) this.rows.set(id, { ...row, last_error: detail });
    return Promise.resolve();
  }
}

/** Waits as long as it takes. */
export const PATIENCE = { first_ms: 20_000, fresh_ms: 20_000 };

/** The mirrors of one process below `mirrors` of a scratch directory; sources may lie below its `roots`. */
export class TestMirrors {
  readonly root: string;
  readonly branches: BranchesService;
  readonly commits: CommitsService;
  readonly changes: CommitChangesService;
  readonly histories: HistoriesService;
  readonly diffs: DiffsService;
  readonly localPaths: LocalPathsService;
  readonly sources: FetchSources;
  readonly mirrors: MirrorsService;

  constructor(
    private readonly scratch: Scratch,
    readonly records = new RecordsInMemory(),
  ) {
    this.root = scratch.directory('mirrors');
    const config = Object.assign(new GitConfig(), {
      root: this.root,
      local_roots: [scratch.directory('roots')],
      private_addresses: false,
      development_repository: '',
    });
    const process = new GitProcess(config);
    this.branches = new BranchesService(process);
    this.commits = new CommitsService(process);
    this.changes = new CommitChangesService(process);
    this.histories = new HistoriesService(process);
    this.diffs = new DiffsService(process);
    this.localPaths = new LocalPathsService(config, process);
    this.sources = new FetchSources(config, this.localPaths, records);
    this.mirrors = new MirrorsService(
      config,
      process,
      this.sources,
      records,
      new FirstOrder(this.branches, this.histories),
    );
  }

  /** The same mirrors as another process sees them. */
  another(): TestMirrors {
    return new TestMirrors(this.scratch, this.records);
  }

  directoryOf(id: string): string {
    return join(this.root, `${id}.git`);
  }

  /** All of a history: that of a commit, or of all branches. */
  async order(directory: string, tip: string | null): Promise<CommitPosition[]> {
    const { signal } = new AbortController();
    const tips = tip === null ? await this.branches.tips(directory, signal) : [tip];
    const file = await this.histories.open(directory, tips, signal);
    if (file === null) return [];
    const positions = await file.read(0, file.length);
    await file.close();
    return positions;
  }

  /** Full names of the references of a mirror. */
  references(id: string): string[] {
    return git(this.directoryOf(id), 'for-each-ref', '--format=%(refname)').split('\n').filter(Boolean);
  }
}
