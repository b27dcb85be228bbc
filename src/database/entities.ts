import type { EntityTarget, ObjectLiteral } from 'typeorm';
import { AccessKey } from '../auth/access-key.entity.js';
import { RefreshToken } from '../auth/refresh-token.entity.js';
import { Session } from '../auth/session.entity.js';
import { User } from '../auth/user.entity.js';
import { OrganizationMember } from '../organizations/organization-member.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { Invitation } from '../organizations/invitation.entity.js';
import { RateLimit } from '../limits/rate-limit.entity.js';
import { DeviceGrant } from '../sign-in/device-grant.entity.js';
import { GithubToken } from '../sign-in/github-token.entity.js';
import { OauthState } from '../sign-in/oauth-state.entity.js';
import { Agent } from '../agents/agent.entity.js';
import { AgentCountChange } from '../agents/agent-count-change.entity.js';
import { AgentCount } from '../agents/agent-count.entity.js';
import { OrganizationAgent } from '../agents/organization-agent.entity.js';
import { ProviderLimit } from '../agents/provider-limit.entity.js';
import { AuditEntry } from '../audit/audit-entry.entity.js';
import { CoordinatorMetric } from '../coordinators/coordinator-metric.entity.js';
import { Coordinator } from '../coordinators/coordinator.entity.js';
import { DeploymentEnvironment } from '../deployments/deployment-environment.entity.js';
import { Deployment } from '../deployments/deployment.entity.js';
import { DutyRun } from '../duties/duty-run.entity.js';
import { IdempotencyKey } from '../idempotency/idempotency-key.entity.js';
import { EventMark } from '../events/event-mark.entity.js';
import { EventOutbox } from '../events/event-outbox.entity.js';
import { Event } from '../events/event.entity.js';
import { Execution } from '../executions/execution.entity.js';
import { ExecutionCheckpoint } from '../executions/execution-checkpoint.entity.js';
import { ExecutionSight } from '../executions/execution-sight.entity.js';
import { ExecutionLog } from '../executions/execution-log.entity.js';
import { RemovedLog } from '../executions/removed-log.entity.js';
import { ConcurrencyKey } from '../queue/concurrency-key.entity.js';
import { ConcurrencyWait } from '../queue/concurrency-wait.entity.js';
import { FleetPause } from '../queue/fleet-pause.entity.js';
import { Lease } from '../queue/lease.entity.js';
import { QueueEntry } from '../queue/queue-entry.entity.js';
import { QueueHead } from '../queue/head.entity.js';
import { QueueLane } from '../queue/lane.entity.js';
import { QueueTurn } from '../queue/turn.entity.js';
import { Repository } from '../repositories/repository.entity.js';
import { TaskCount } from '../tasks/task-count.entity.js';
import { TaskCountChange } from '../tasks/task-count-change.entity.js';
import { TaskDependency } from '../tasks/task-dependency.entity.js';
import { Task } from '../tasks/task.entity.js';
import { Worker } from '../workers/worker.entity.js';
import { WorkerLiveness } from '../workers/worker-liveness.entity.js';
import { LinkedWorktreeRecord } from '../worktrees/linked-worktree.entity.js';
import { WorkerCheckout } from '../worktrees/worker-checkout.entity.js';

/** Every entity class, as TypeORM wants them listed. */
export const entities: (new () => ObjectLiteral)[] & EntityTarget<ObjectLiteral>[] = [
  User,
  Organization,
  OrganizationMember,
  Session,
  RefreshToken,
  AccessKey,
  OauthState,
  GithubToken,
  DeviceGrant,
  Invitation,
  AuditEntry,
  RateLimit,
  Agent,
  OrganizationAgent,
  AgentCount,
  AgentCountChange,
  ProviderLimit,
  DutyRun,
  IdempotencyKey,
  EventOutbox,
  EventMark,
  Event,
  Execution,
  ExecutionLog,
  RemovedLog,
  ExecutionCheckpoint,
  ExecutionSight,
  ConcurrencyKey,
  ConcurrencyWait,
  FleetPause,
  Lease,
  QueueEntry,
  QueueLane,
  QueueHead,
  QueueTurn,
  Repository,
  Task,
  TaskDependency,
  TaskCount,
  TaskCountChange,
  Coordinator,
  CoordinatorMetric,
  Worker,
  WorkerLiveness,
  WorkerCheckout,
  LinkedWorktreeRecord,
  Deployment,
  DeploymentEnvironment,
];
