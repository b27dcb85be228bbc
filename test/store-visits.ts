import type { Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { CATALOGUE } from '../src/agents/catalogue.js';
import { AgentsStore } from '../src/agents/agents.store.js';
import { AccessKeysStore } from '../src/auth/access-keys.store.js';
import { SYSTEM } from '../src/auth/principal.js';
import { JoinTokensStore } from '../src/auth/join-tokens.store.js';
import { SessionsStore } from '../src/auth/sessions.store.js';
import { UsersStore } from '../src/auth/users.store.js';
import { CoordinatorMetricsStore } from '../src/coordinators/coordinator-metrics.store.js';
import { CoordinatorsStore } from '../src/coordinators/coordinators.store.js';
import { DeploymentsStore } from '../src/deployments/deployments.store.js';
import { DutiesService } from '../src/duties/duties.service.js';
import type { Duty } from '../src/duties/duty.js';
import { DutyRunsStore } from '../src/duties/duty-runs.store.js';
import { EventsStore } from '../src/events/events.store.js';
import { ExecutionsStore } from '../src/executions/executions.store.js';
import { RetentionStore } from '../src/executions/retention.store.js';
import { SightsStore } from '../src/executions/sights.store.js';
import { IdempotencyStore } from '../src/idempotency/idempotency.store.js';
import { newId } from '../src/ids.js';
import { RateLimitsStore } from '../src/limits/rate-limits.store.js';
import { InvitationsStore } from '../src/organizations/invitations.store.js';
import { OrganizationsStore } from '../src/organizations/organizations.store.js';
import { ClaimStore } from '../src/queue/claim.store.js';
import { ConcurrencyStore } from '../src/queue/concurrency.store.js';
import { FleetPausesStore } from '../src/queue/fleet-pauses.store.js';
import { HeadsStore } from '../src/queue/heads.store.js';
import { LeasesStore } from '../src/queue/leases.store.js';
import { RepositoriesStore } from '../src/repositories/repositories.store.js';
import { RepositoryCredentialsStore } from '../src/repositories/repository-credentials.store.js';
import { DeviceGrantsStore } from '../src/sign-in/device-grants.store.js';
import { GithubTokensStore } from '../src/sign-in/github-tokens.store.js';
import { DependenciesStore } from '../src/tasks/dependencies.store.js';
import { TasksStore } from '../src/tasks/tasks.store.js';
import { WorkerControlsStore } from '../src/workers/worker-controls.store.js';
import { WorkerNewsStore } from '../src/workers/worker-news.store.js';
import { WorkersStore } from '../src/workers/workers.store.js';
import { WorktreesStore } from '../src/worktrees/worktrees.store.js';
import { filledId, KIND } from './filled-database.js';
import type { TestApp } from './test-app.js';

/** Thirty-two bytes that are the hash of nothing. */
const HASH = Buffer.alloc(32, 7);

const task = (n: number): string => filledId(KIND.task, n);
const execution = (n: number): string => filledId(KIND.execution, n);
const worker = (n: number): string => filledId(KIND.worker, n);

/** Runs every duty of the application once. */
export async function runDuties({ app }: TestApp): Promise<void> {
  const providers = app.get(DiscoveryService, { strict: false }).getProviders();
  const duties = providers.flatMap(({ instance }) => (isDuty(instance) ? [instance] : []));
  for (const duty of new Set(duties)) await app.get(DutiesService).runOnce(duty);
}

const isDuty = (instance: unknown): instance is Duty =>
  typeof (instance as Partial<Duty> | null)?.runOnce === 'function' && 'interval_seconds' in (instance as object);

/** Asks the stores what an application asks only when it starts, or in a state that is hard to bring about. */
export async function visitStores({ app, database }: TestApp, organizationId: string): Promise<void> {
  const the = <Store>(store: Type<Store>): Store => app.get(store, { strict: false });
  const key = { id: newId(), organization_id: null, kind: 'registration' as const, worker_id: null, name: 'key' };
  const user = filledId(KIND.user, 5);

  // At the start.
  await the(AgentsStore).seed(CATALOGUE);
  await the(AccessKeysStore).saveRegistrationKey({ ...key, permissions: ['workers.register'], secret_hash: HASH });
  await the(AccessKeysStore).revokeRegistrationKeysExcept(HASH);
  await the(RepositoriesStore).existAny();
  await the(RepositoriesStore).findSyncing(10);
  await the(UsersStore).isEmptyOfGithub();

  // People and keys.
  await the(AccessKeysStore).revokeForWorker(worker(5), null);
  await the(AccessKeysStore).findLabels(worker(5));
  await the(AccessKeysStore).findCoordinatorLabels(filledId(KIND.coordinator, 5));
  await the(AccessKeysStore).isExpiring(filledId(9, 5));
  await the(JoinTokensStore).use(filledId(9, 5));
  await the(AccessKeysStore).touch([filledId(9, 5)]);
  await the(AccessKeysStore).findUnsure([HASH.toString('hex')]);
  await the(SessionsStore).touch([filledId(7, 5)]);
  await the(SessionsStore).findSessionOfUsedToken(HASH);
  await the(SessionsStore).findSessionOfUnusedToken(HASH);
  await the(SessionsStore).revokeReused(filledId(7, 6));
  await the(SessionsStore).revokeMockSessionsOf(user);
  await the(SessionsStore).revokeAllOf(user);
  await the(SessionsStore).moveHome(organizationId, null);
  await the(DeviceGrantsStore).deny(HASH);
  await the(GithubTokensStore).find(user);
  for (const after of [null, user]) await the(GithubTokensStore).lockOfKeys(['key 0'], after, 100);
  await the(GithubTokensStore).reseal({ user_id: user, sealed_token: 'x', key_id: 'key 1' });
  await the(OrganizationsStore).find(organizationId);
  await the(OrganizationsStore).rename(organizationId, 'renamed');
  await the(InvitationsStore).existsFor('invited-6');
  await the(InvitationsStore).remove(newId());
  await the(DutyRunsStore).recordFailure('nothing', 'failed');
  await the(DutyRunsStore).graceAfterGap('nothing', 20, 60);
  await the(IdempotencyStore).noteMade(HASH, newId());
  await the(IdempotencyStore).release(HASH);
  await the(RateLimitsStore).deleteExpired(100);

  // Those who follow events, from the first on, and when no hint comes.
  const wish = { organization_id: organizationId, types: ['budget.warning'], limit: 200 };
  await the(EventsStore).findInSlice({ ...wish, after: '0', slice: 2000 });
  await the(EventsStore).findAfter({ ...wish, after: '0', types: null, task_id: null });
  await the(EventsStore).findAfter({ ...wish, after: '0', types: null, task_id: task(97) });
  await the(EventsStore).findEnd(organizationId);
  await the(EventsStore).findBehind([
    { organization_id: organizationId, position: '0' },
    { organization_id: newId(), position: '5' },
  ]);

  // Repositories and workers.
  await the(RepositoriesStore).findBySource(organizationId, '/nowhere/5');
  await the(RepositoriesStore).markRebuilt(filledId(KIND.repository, 5), ['task/a']);
  await the(RepositoriesStore).markFailed(filledId(KIND.repository, 5), 'it was not there');
  const sealed = { sealed_credentials: 'x', credentials_key_id: 'key 1' };
  const repository = filledId(KIND.repository, 97);
  for (const after of [null, repository]) await the(RepositoryCredentialsStore).lockOfKeys(['key 0'], after, 100);
  await the(RepositoryCredentialsStore).reseal(repository, sealed);
  await the(RepositoryCredentialsStore).find(repository);
  await the(WorkersStore).findScope(worker(5));
  await database.transaction(() => the(WorkerNewsStore).takeChanges(worker(5), true, 500));
  await the(CoordinatorMetricsStore).insert(newId(), filledId(KIND.coordinator, 5), { cpu_usage: 1 }, 7.5);
  const host = { name: 'x', host: 'h' };
  await the(CoordinatorsStore).comeBack(filledId(KIND.coordinator, 5), host, 'active');
  await the(WorkerControlsStore).isAhead(new Date().toISOString());
  await the(WorkerControlsStore).setStopped(worker(7), 'It has ended in order.');
  await the(LeasesStore).noteLoss(worker(5));
  await the(LeasesStore).askForInventory(worker(5));
  await the(SightsStore).set(execution(118), 'a'.repeat(40));
  await the(SightsStore).find([execution(97), execution(118)]);
  await the(SightsStore).findFresh([execution(97), execution(118)]);
  await the(SightsStore).remove([execution(97)]);
  await the(WorkersStore).setLaunchers(worker(5), [{ name: 'claude' }]);
  const claim = { key_id: newId(), actor: SYSTEM, max: 1, request_key: 'a key' };
  await the(ClaimStore).claimAll([{ ...claim, worker_id: worker(5) }]);
  await the(HeadsStore).advance([5, 6], { at: '-infinity', next: '0' });
  await the(HeadsStore).findReady();
  await the(FleetPausesStore).awaitClaims(organizationId);
  await the(LeasesStore).lockWorker(worker(5));
  await the(LeasesStore).lockByWorker(worker(5));
  await the(LeasesStore).isCurrent(execution(118));
  await the(LeasesStore).requestCancel(execution(118));
  for (const graceful of [true, false]) {
    await the(LeasesStore).findEnded(graceful, 100);
    const lease = await database.transaction(() => the(LeasesStore).lockByTask(task(117)));
    if (lease !== null) await the(LeasesStore).lockEnded(lease, graceful);
  }

  // Deployments, whose routes ask git first.
  const deployments = { organization_id: organizationId, environment: null, status: null };
  const place = { at: '2999-01-01T00:00:00.000000Z', key: 'ff', id: newId() };
  for (const repository_id of [null, filledId(KIND.repository, 97)])
    for (const after of [null, place])
      for (const wanted of [{}, { environment: 'production' }, { environment: 'nowhere' }, { status: ['failed'] }])
        await the(DeploymentsStore).findPage({ ...deployments, repository_id, after, ...wanted }, 20);
  await the(DeploymentsStore).findCommitOf(filledId(KIND.repository, 97), 'v1.0.97');
  await the(DeploymentsStore).findVersions([filledId(KIND.repository, 97)], ['a'.repeat(40)]);
  const deployment = filledId(KIND.deployment, 97);
  await database.transaction(async () => {
    const row = await the(DeploymentsStore).lock(organizationId, deployment);
    if (row === null) throw new Error('the filled organization has no deployment');
    await the(DeploymentsStore).leave(row, newId());
    const changes = { actor: SYSTEM, deployed_by: null, pull_request_number: 7, notes: null, rolled_back_at: null };
    await the(DeploymentsStore).update(row, { ...changes, environment: 'canary', started_at: 'now' });
  });
  // Worktrees: of an execution that has ended, and of one that the disk no longer has.
  await database.transaction(() => the(WorktreesStore).lockCheckout(organizationId, execution(168)));
  await the(ExecutionsStore).findByCommits(organizationId, filledId(KIND.repository, 97), ['a'.repeat(40)], 1001);
  await the(WorktreesStore).requestRemoval(execution(168), true);
  const repositories = [97, 107, 117].map((n) => filledId(KIND.repository, n));
  for (const repository_id of [null, filledId(KIND.repository, 97)])
    for (const before of [null, { at: '2999-01-01T00:00:00.000000Z', id: newId() }])
      for (const linked_in of [[], repositories])
        await the(WorktreesStore).findPage({
          organization_id: organizationId,
          repository_id,
          linked_in,
          before,
          limit: 101,
        });
  await the(WorktreesStore).linkedIn(filledId(KIND.repository, 97));
  await the(WorktreesStore).replaceLinked({ id: filledId(KIND.repository, 97), organization_id: organizationId }, [
    { id: newId(), name: Buffer.from('wt-1'), created_at: new Date() },
  ]);
  await the(WorktreesStore).findCheckouts([execution(168)]);
  await the(WorktreesStore).forgetCheckout(execution(168));
  await the(WorktreesStore).forgetLinked(filledId(14, 105));

  // Tasks: 115 waits for 111 and 107; 117 and 118 run, and 168 has run.
  await the(ConcurrencyStore).promote(organizationId, 'deploy 0');
  await the(ConcurrencyStore).findIdle(100);
  await the(ConcurrencyStore).findHolder(task(1_000_007));
  await the(ConcurrencyStore).lockWait(task(1_000_007));
  await the(ConcurrencyStore).take(task(1_000_008));
  await the(DependenciesStore).findBehind([task(111)]);
  await the(DependenciesStore).findEdgesTo([task(111)]);
  await the(DependenciesStore).findPath(task(115), task(111));
  await the(TasksStore).removeFinished([task(168)]);
  await the(TasksStore).findAged(1, 100);
  await the(ExecutionsStore).setPushed(execution(117), 'a'.repeat(40));
  await the(RetentionStore).findRemovedLogs(50);
  await the(RetentionStore).removeLogEntries(execution(68), 0, 10);
  await the(RetentionStore).findLogEntry(execution(68), 10);
  await the(RetentionStore).moveRemovedLog(execution(5_000_068), 10);
  await the(RetentionStore).forgetRemovedLogs([execution(68)]);
}
