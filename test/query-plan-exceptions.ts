import type { Finding } from './query-plans.js';

/** A plan that is as it should be although it looks otherwise. One that is not needed any more is a failure. */
export interface PlanException {
  /** Methods of stores. */
  names: readonly string[];
  /** How the finding begins. */
  what: string;
  /** Tells which parameters it is about; all of them where it is not there. */
  when?: (parameters: readonly unknown[]) => boolean;
  reason: string;
}

const isGiven = (value: unknown): boolean => value !== null && value !== undefined;

export const EXCEPTIONS: readonly PlanException[] = [
  {
    names: ['UsersStore.isEmpty', 'RepositoriesStore.existAny', 'EventsStore.backlog'],
    what: 'reads all of ',
    reason: 'ends at the first row: it is about whether there is one',
  },
  {
    names: ['DeploymentsStore.findPage'],
    what: 'touches ',
    when: ([, repository, environment, status]) => !isGiven(repository) && (isGiven(environment) || isGiven(status)),
    reason: 'looks through the records of at most 20 repositories, which people make one by one; here they are 388',
  },
  {
    names: ['UsersStore.isEmptyOfGithub'],
    what: 'reads all of users',
    reason: 'ends at the first one who came through GitHub, and is asked at sign-ins through GitHub alone',
  },
  {
    names: ['LeasesStore.findEnded'],
    what: 'reads all of leases',
    reason: 'heartbeats renew `expires_at`, so no index may hold it; there are as many leases as tasks that run',
  },
  {
    names: ['ExecutionsStore.findPage', 'ExecutionsStore.findByIds'],
    what: 'reads all of leases',
    reason: 'looks up to 101 executions up in a table of a hundred pages, where one pass is cheaper',
  },
  {
    names: ['ClaimStore.claimAll'],
    what: 'reads all of queue_lanes',
    reason: 'reads every lane of the worker: those of an organization are at most 2,000, and one pass is cheaper here',
  },
  {
    names: ['HeadsStore.findReady'],
    what: 'touches ',
    reason:
      'looks up the head of every lane of the instance, here 2,000 with three priorities each, once in two seconds while claims wait, instead of each of them',
  },
  {
    names: ['TaskStatsStore.countPending', 'WorkersStore.countByHealth', 'EventsStore.lag'],
    what: 'reads all of ',
    reason:
      'figures of the whole instance, asked for once in five seconds at the most: of kinds of tasks, of workers, of the last second',
  },
  {
    names: ['FleetPausesStore.awaitClaims'],
    what: 'reads all of worker_liveness',
    reason:
      'passes through the row of every worker, when somebody pauses a fleet; here one organization has most of them',
  },
  {
    names: ['FleetPausesStore.awaitClaims'],
    what: 'touches ',
    reason: 'passes through the row of every worker, when somebody pauses a fleet',
  },
  {
    names: ['ExplainStore.oldestWait'],
    what: 'reads all of queue_lanes',
    when: ([organization]) => !isGiven(organization),
    reason: 'a figure of the whole instance, asked for once in five seconds at the most',
  },
  {
    names: ['ExplainStore.oldestWait'],
    what: 'touches ',
    reason: 'looks at the heads of the lanes of an organization, at most 2,000 with three priorities each',
  },
  {
    names: ['HeadsStore.reopen'],
    what: 'reads all of queue_heads',
    reason: 'looks at each lane once a minute, in one process',
  },
  {
    names: ['HeadsStore.reopen'],
    what: 'costs ',
    reason: 'three short looks into an index for each lane, once a minute',
  },
  {
    names: ['EventsStore.removeWaiting'],
    what: 'reads all of event_outbox',
    reason: 'the outbox holds what the last second brought; an index would be paid by every event',
  },
  {
    names: ['EventsStore.findInSlice'],
    what: 'touches ',
    reason:
      'looks through 2,000 events of an organization for a few types, in the order of their index, and no further',
  },
  {
    names: ['EventsStore.findAfter'],
    what: 'touches ',
    when: ([, , types, task]) => isGiven(types) && !isGiven(task),
    reason: 'walks over the events behind the cursor that are of other types; an index would be paid by every event',
  },
  {
    names: ['TaskListsStore.findPage', 'TaskListsStore.findCandidates'],
    what: 'touches ',
    when: (parameters) => isGiven(parameters[9]),
    reason: 'searches for a text within names and descriptions, which is said to read the tasks of the organization',
  },
  {
    names: ['TaskListsStore.findPage'],
    what: 'touches ',
    when: (parameters) => isGiven(parameters[4]),
    reason:
      'a type of agent that hardly any task has; a fifth index in the order of the page would be paid by each change',
  },
  {
    names: ['TaskListsStore.findCandidates'],
    what: 'touches ',
    when: (parameters) => !isGiven(parameters[9]),
    reason:
      'acts on up to 1,001 tasks at once, and passes over those that do not match; one page each is no more than that',
  },
  {
    names: ['ExecutionsStore.findPage'],
    what: 'touches ',
    when: ([, status, , agent]) => isGiven(agent) || String(status) !== 'running',
    reason: 'a status or type of agent that is rare in the history is looked for among all of it, newest first',
  },
  {
    names: ['ClaimStore.findHeritage'],
    what: 'touches ',
    when: ([ids]) => (ids as string[]).length > 50,
    reason: 'looks up attempts and dependencies of up to a hundred executions, some eight pages for each',
  },
  {
    names: ['DependenciesStore.findEdgesTo'],
    what: '',
    when: ([ids]) => (ids as string[]).length > 50,
    reason: 'follows the edges of up to a thousand tasks, for a rehearsal; one pass is cheaper than a look for each',
  },
  {
    names: ['WorkerNewsStore.isAnything', 'WorkerNewsStore.takeChanges'],
    what: '',
    when: ([worker]) => !isGiven(worker),
    reason: 'judges the health of every worker of the instance by the clock, once in ten seconds; no index tells time',
  },
  {
    names: ['CoordinatorNewsStore.takeChanges'],
    what: 'costs ',
    when: ([coordinator]) => !isGiven(coordinator),
    reason: 'the planner counts the workers of every coordinator; they are looked up of those alone that drain',
  },
  {
    names: ['CoordinatorsStore.findPage'],
    what: 'touches ',
    reason: 'counts the workers of each coordinator that is shown, ten of each in here, and what they run',
  },
  {
    names: ['WorkersStore.findPage', 'WorkersStore.countOwnByHealth'],
    what: 'reads all of worker_liveness',
    reason: 'health is judged of every worker that the organization may use: a tenth of all in here, some hundreds',
  },
  {
    names: ['SessionsStore.moveHome'],
    what: 'reads all of organizations',
    when: ([, user]) => !isGiven(user),
    reason: 'finds the homes of every session of a deleted organization: a tenth of all in here',
  },
  {
    names: ['InvitationsStore.list'],
    what: 'touches ',
    when: ([, statuses]) => isGiven(statuses),
    reason: 'that one has expired is told by the clock and in no index; the invitations of one organization are read',
  },
];

/** Foreign keys without an index of their own. */
export const UNINDEXED: Readonly<Record<string, string>> = {};

export const exceptionFor = ({ name, what, parameters }: Finding): PlanException | undefined =>
  EXCEPTIONS.find(
    (exception) =>
      exception.names.includes(name) && what.startsWith(exception.what) && (exception.when?.(parameters) ?? true),
  );
