import type { MigrationInterface } from 'typeorm';
import { Identity1790000000010 } from '../../migrations/1790000000010-identity.js';
import { Repositories1790000000020 } from '../../migrations/1790000000020-repositories.js';
import { Agents1790000000030 } from '../../migrations/1790000000030-agents.js';
import { Workers1790000000040 } from '../../migrations/1790000000040-workers.js';
import { Tasks1790000000050 } from '../../migrations/1790000000050-tasks.js';
import { Queue1790000000060 } from '../../migrations/1790000000060-queue.js';
import { Executions1790000000070 } from '../../migrations/1790000000070-executions.js';
import { Events1790000000080 } from '../../migrations/1790000000080-events.js';
import { Duties1790000000090 } from '../../migrations/1790000000090-duties.js';
import { SessionEnd1790000000100 } from '../../migrations/1790000000100-session-end.js';
import { GithubSignIn1790000000110 } from '../../migrations/1790000000110-github-sign-in.js';
import { ApiKeys1790000000120 } from '../../migrations/1790000000120-api-keys.js';
import { Invitations1790000000130 } from '../../migrations/1790000000130-invitations.js';
import { MemberPages1790000000135 } from '../../migrations/1790000000135-member-pages.js';
import { DeviceGrants1790000000140 } from '../../migrations/1790000000140-device-grants.js';
import { AuditLog1790000000150 } from '../../migrations/1790000000150-audit-log.js';
import { RateLimits1790000000160 } from '../../migrations/1790000000160-rate-limits.js';
import { TaskFields1790000000200 } from '../../migrations/1790000000200-task-fields.js';
import { TaskDependencies1790000000210 } from '../../migrations/1790000000210-task-dependencies.js';
import { ConcurrencyKeys1790000000220 } from '../../migrations/1790000000220-concurrency-keys.js';
import { TaskCounts1790000000230 } from '../../migrations/1790000000230-task-counts.js';
import { IdempotencyKeys1790000000240 } from '../../migrations/1790000000240-idempotency-keys.js';
import { Usage1790000000250 } from '../../migrations/1790000000250-usage.js';
import { Retention1790000000260 } from '../../migrations/1790000000260-retention.js';
import { TaskLists1790000000270 } from '../../migrations/1790000000270-task-lists.js';
import { CountPriorities1790000000290 } from '../../migrations/1790000000290-count-priorities.js';
import { HotPath1790000000300 } from '../../migrations/1790000000300-hot-path.js';
import { RemovedLogs1790000000310 } from '../../migrations/1790000000310-removed-logs.js';
import { RoomOfWorkers1790000000320 } from '../../migrations/1790000000320-room-of-workers.js';
import { HeadsOfLanes1790000000330 } from '../../migrations/1790000000330-heads-of-lanes.js';
import { WorkerCheckouts1790000000420 } from '../../migrations/1790000000420-worker-checkouts.js';
import { Coordinators1790000000440 } from '../../migrations/1790000000440-coordinators.js';
import { CoordinatorTokens1790000000441 } from '../../migrations/1790000000441-coordinator-tokens.js';
import { ExecutionCoordinators1790000000442 } from '../../migrations/1790000000442-execution-coordinators.js';
import { OwnDrains1790000000443 } from '../../migrations/1790000000443-own-drains.js';
import { PausesBehindDrains1790000000444 } from '../../migrations/1790000000444-pauses-behind-drains.js';
import { JoinTokens1790000000430 } from '../../migrations/1790000000430-join-tokens.js';
import { CheckoutsByOrganization1790000000450 } from '../../migrations/1790000000450-checkouts-by-organization.js';
import { LinkedWorktrees1790000000451 } from '../../migrations/1790000000451-linked-worktrees.js';
import { ExecutionBranches1790000000470 } from '../../migrations/1790000000470-execution-branches.js';
import { Lookups1790000000280 } from '../../migrations/1790000000280-lookups.js';
import { WorkerRest1790000000400 } from '../../migrations/1790000000400-worker-rest.js';
import { WorkerTokens1790000000401 } from '../../migrations/1790000000401-worker-tokens.js';
import { WorkerCoordinators1790000000402 } from '../../migrations/1790000000402-worker-coordinators.js';
import { FleetPauses1790000000403 } from '../../migrations/1790000000403-fleet-pauses.js';
import { WorkerNews1790000000404 } from '../../migrations/1790000000404-worker-news.js';
import { UsageTotal1790000000410 } from '../../migrations/1790000000410-usage-total.js';
import { OrganizationAgents1790000000411 } from '../../migrations/1790000000411-organization-agents.js';
import { AgentCounts1790000000412 } from '../../migrations/1790000000412-agent-counts.js';
import { ProviderLimits1790000000413 } from '../../migrations/1790000000413-provider-limits.js';
import { MirrorRefresh1790000000461 } from '../../migrations/1790000000461-mirror-refresh.js';
import { Deployments1790000000460 } from '../../migrations/1790000000460-deployments.js';
import { FollowedBranches1790000000530 } from '../../migrations/1790000000530-followed-branches.js';
import { DiskNews1790000000480 } from '../../migrations/1790000000480-disk-news.js';
import { RepositoryRunningLimit1790000000490 } from '../../migrations/1790000000490-repository-running-limit.js';
import { RepositoryCredentials1790000000500 } from '../../migrations/1790000000500-repository-credentials.js';
import { RepositoryAutoPr1790000000501 } from '../../migrations/1790000000501-repository-auto-pr.js';
import { JoinTokenEnds1790000000510 } from '../../migrations/1790000000510-join-token-ends.js';
import { WhatJoins1790000000511 } from '../../migrations/1790000000511-what-joins.js';
import { InventoryWishes1790000000520 } from '../../migrations/1790000000520-inventory-wishes.js';
import { ExecutionCommits1790000000521 } from '../../migrations/1790000000521-execution-commits.js';
import { LinesLeftOut1790000000560 } from '../../migrations/1790000000560-lines-left-out.js';
import { Handovers1790000000561 } from '../../migrations/1790000000561-handovers.js';
import { OrderlyEnds1790000000562 } from '../../migrations/1790000000562-orderly-ends.js';
import { UnseenCheckouts1790000000575 } from '../../migrations/1790000000575-unseen-checkouts.js';
import { ExecutionSights1790000000576 } from '../../migrations/1790000000576-execution-sights.js';
import { PromotedDeployments1790000000580 } from '../../migrations/1790000000580-promoted-deployments.js';
import { RebuiltMirrors1790000000581 } from '../../migrations/1790000000581-rebuilt-mirrors.js';
import { GitDirectoryKeys1790000000582 } from '../../migrations/1790000000582-git-directory-keys.js';
import { DeploymentNames1790000000600 } from '../../migrations/1790000000600-deployment-names.js';

/** Every migration in the order of its number. */
export const migrations: (new () => MigrationInterface)[] = [
  Identity1790000000010,
  Repositories1790000000020,
  Agents1790000000030,
  Workers1790000000040,
  Tasks1790000000050,
  Queue1790000000060,
  Executions1790000000070,
  Events1790000000080,
  Duties1790000000090,
  SessionEnd1790000000100,
  GithubSignIn1790000000110,
  ApiKeys1790000000120,
  Invitations1790000000130,
  MemberPages1790000000135,
  DeviceGrants1790000000140,
  AuditLog1790000000150,
  RateLimits1790000000160,
  TaskFields1790000000200,
  TaskDependencies1790000000210,
  ConcurrencyKeys1790000000220,
  TaskCounts1790000000230,
  IdempotencyKeys1790000000240,
  Usage1790000000250,
  Retention1790000000260,
  TaskLists1790000000270,
  Lookups1790000000280,
  CountPriorities1790000000290,
  HotPath1790000000300,
  RemovedLogs1790000000310,
  RoomOfWorkers1790000000320,
  HeadsOfLanes1790000000330,
  WorkerRest1790000000400,
  WorkerTokens1790000000401,
  WorkerCoordinators1790000000402,
  FleetPauses1790000000403,
  WorkerNews1790000000404,
  UsageTotal1790000000410,
  OrganizationAgents1790000000411,
  AgentCounts1790000000412,
  ProviderLimits1790000000413,
  WorkerCheckouts1790000000420,
  JoinTokens1790000000430,
  Coordinators1790000000440,
  CoordinatorTokens1790000000441,
  ExecutionCoordinators1790000000442,
  OwnDrains1790000000443,
  CheckoutsByOrganization1790000000450,
  LinkedWorktrees1790000000451,
  Deployments1790000000460,
  MirrorRefresh1790000000461,
  ExecutionBranches1790000000470,
  PausesBehindDrains1790000000444,
  DiskNews1790000000480,
  RepositoryRunningLimit1790000000490,
  RepositoryCredentials1790000000500,
  RepositoryAutoPr1790000000501,
  JoinTokenEnds1790000000510,
  WhatJoins1790000000511,
  InventoryWishes1790000000520,
  ExecutionCommits1790000000521,
  FollowedBranches1790000000530,
  LinesLeftOut1790000000560,
  Handovers1790000000561,
  OrderlyEnds1790000000562,
  UnseenCheckouts1790000000575,
  ExecutionSights1790000000576,
  PromotedDeployments1790000000580,
  RebuiltMirrors1790000000581,
  GitDirectoryKeys1790000000582,
  DeploymentNames1790000000600,
];
