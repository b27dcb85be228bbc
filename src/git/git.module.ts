import { Module } from '@nestjs/common';
import { ServerAddress } from '../http/server-address.js';
import { BegunWorktrees } from './begun-worktrees.service.js';
import { BranchesService } from './branches.service.js';
import { CommitChangesService } from './commit-changes.service.js';
import { CommitsService } from './commits.service.js';
import { DivergencesService } from './divergences.service.js';
import { DiffsService } from './diffs.service.js';
import { FetchSources } from './fetch-sources.service.js';
import { FirstOrder } from './first-order.js';
import { GitAddress } from './git-address.js';
import { GitProcess } from './git-process.js';
import { HistoriesService } from './histories.service.js';
import { LocalPathsService } from './local-paths.service.js';
import { LocalWorktrees } from './local-worktrees.service.js';
import { MergeForecasts } from './merge-forecasts.service.js';
import { MirrorsService } from './mirrors.service.js';
import { ObjectViews } from './object-views.service.js';
import { RangesService } from './ranges.service.js';
import { RemovalRecords } from './removal-records.js';
import { SafeViews } from './safe-views.js';
import { SnapshotsService } from './snapshots.service.js';
import { TagsService } from './tags.service.js';
import { WorktreeAdditions } from './worktree-additions.service.js';
import { WorktreeRemovals } from './worktree-removals.service.js';
import { UnfinishedRemovals } from './unfinished-removals.service.js';
import { UnmergedBranches } from './unmerged-branches.service.js';
import { WorktreeHistories } from './worktree-histories.service.js';
import { WorktreeStates } from './worktree-states.service.js';

const SERVICES = [
  GitProcess,
  GitAddress,
  LocalPathsService,
  FetchSources,
  MirrorsService,
  BranchesService,
  CommitsService,
  CommitChangesService,
  HistoriesService,
  DiffsService,
  DivergencesService,
  TagsService,
  UnmergedBranches,
  RangesService,
  SafeViews,
  LocalWorktrees,
  WorktreeHistories,
  WorktreeStates,
  WorktreeRemovals,
  UnfinishedRemovals,
  BegunWorktrees,
  WorktreeAdditions,
  MergeForecasts,
  ObjectViews,
  SnapshotsService,
];

/** Mirrors and what is read from them. Needs a provider of MirrorRecords, which the repositories give to all. */
@Module({
  providers: [ServerAddress, FirstOrder, RemovalRecords, ...SERVICES],
  exports: SERVICES,
})
export class GitModule {}
