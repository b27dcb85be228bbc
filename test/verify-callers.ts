import { PERMISSIONS, ROLE_PERMISSIONS, ROLES, type Permission } from '../src/auth/permissions.js';
import { placesIn, type Demand, type DocumentedOperation } from './document-operations.js';
import { instanceKey, type Site } from './verify-site.js';

/**
 * Everybody who may come to the door, with ids of the first organization: its own people and programs, and those of
 * another organization (`elsewhere`). The guest is an owner there and a viewer here, and has signed in there.
 */
export const CALLERS = [
  'nobody',
  ...ROLES,
  'key without it',
  'key with it alone',
  'worker',
  'fellow worker',
  'instance key',
  'join token',
  'join token for coordinators',
  'owner elsewhere',
  'guest from elsewhere',
  'key elsewhere',
  'worker elsewhere',
  'coordinator',
  'coordinator elsewhere',
] as const;

export type CallerName = (typeof CALLERS)[number];

/** What must come of a call: it passes the guard, or is refused, or the thing is not there for this caller. */
export type Verdict = 'passes' | '401' | '403' | '404';

export interface Exception {
  operations: readonly string[];
  callers: readonly CallerName[];
  verdict: Verdict;
  reason: string;
}

const KEYS: readonly CallerName[] = ['key without it', 'key with it alone', 'key elsewhere', 'instance key'];

/** Where the document's demand is not all there is to say. One that changes nothing is a failure. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    operations: [
      ...['authMe', 'authLogout', 'sessionsList', 'sessionsRevoke', 'sessionsSwitchOrganization'],
      ...['organizationsCreate', 'organizationsDelete', 'membersTransfer', 'apiKeysCreate'],
      ...['invitationsListOwn', 'invitationsAccept', 'invitationsDecline'],
      ...['deviceSignInLookUp', 'deviceSignInAnswer'],
    ],
    callers: KEYS,
    verdict: '403',
    reason: 'is done by a person who is signed in, and a key is nobody',
  },
  {
    operations: ['organizationsDelete', 'membersTransfer'],
    callers: ['admin'],
    verdict: '403',
    reason: 'is left to owners',
  },
  {
    operations: ['membersRemove'],
    callers: ['viewer', 'member', 'key with it alone'],
    verdict: '403',
    reason: 'is leaving without `members.manage`, and the member in the path is somebody else',
  },
  {
    operations: ['membersRemove'],
    callers: ['instance key'],
    verdict: '404',
    reason: 'is open to all who are signed in, and the key of the instance belongs to no organization',
  },
  {
    operations: ['joinTokensCreate', 'joinTokensList', 'joinTokensRevoke'],
    callers: ['instance key'],
    verdict: '403',
    reason: 'is about the join tokens of an organization, and the key of the instance belongs to none',
  },
  {
    operations: ['organizationsGet'],
    callers: ['guest from elsewhere'],
    verdict: 'passes',
    reason: 'shows a person what they belong to, before they switch',
  },
];

/** Things that belong to everybody. */
const SHARED_NOUNS = new Set(['agents']);

/** Operations that end what their caller comes with, or all the others use: each call gets a site of its own. */
export const CONSUMING = new Set([
  'authLogout',
  'sessionsSwitchOrganization',
  'membersTransfer',
  'organizationsDelete',
  'fleetPause',
]);

/** Operations that cannot succeed in here, with the reason. */
export const NEVER_SUCCEEDING: Readonly<Record<string, string>> = {
  githubCallback: 'receives a browser that comes back from GitHub: test/github-login.e2e-spec.ts',
};

/** Whether the caller is of another organization than the things it asks for. */
export const isElsewhere = (caller: CallerName): boolean => caller.endsWith('elsewhere');
const isCoordinator = (caller: CallerName): boolean => caller.startsWith('coordinator');
const isWorker = (caller: CallerName): boolean => caller.includes('worker');
/** To whom things of the first organization, or of its first worker, are not there. */
const isForeign = (caller: CallerName): boolean => isElsewhere(caller) || caller === 'fellow worker';

/** What the caller may do, of what is given to a role or a key. */
function permissionsOf(caller: CallerName, demand: Demand): readonly string[] {
  switch (caller) {
    case 'owner':
    case 'admin':
    case 'member':
    case 'viewer':
      return ROLE_PERMISSIONS[caller];
    case 'owner elsewhere':
    case 'guest from elsewhere':
      return ROLE_PERMISSIONS.owner;
    case 'key elsewhere':
      return PERMISSIONS;
    case 'key with it alone':
      return [demand];
    case 'key without it':
      return PERMISSIONS.filter((permission) => permission !== demand);
    case 'instance key':
      return ['workers.register', 'coordinators.register'];
    default:
      return [];
  }
}

/** What the document and the table of roles say, exceptions aside. */
export function documentedVerdict({ id, demand, path }: DocumentedOperation, caller: CallerName): Verdict {
  if (demand === 'public') return 'passes';
  if (caller === 'nobody') return '401';
  if (caller === 'join token') return id === 'workersRegister' ? 'passes' : '403';
  if (caller === 'join token for coordinators') return id === 'coordinatorsRegister' ? 'passes' : '403';
  if (isCoordinator(caller) && ['workersRegister', 'coordinatorsRegister'].includes(id)) return 'passes';
  if (isCoordinator(caller) && id === 'coordinatorsDrain') return isElsewhere(caller) ? '404' : 'passes';
  if (isCoordinator(caller) !== (demand === 'coordinator')) return '403';
  if (isWorker(caller) !== (demand === 'worker')) return '403';
  const needsPermission = demand !== 'worker' && demand !== 'coordinator' && demand !== 'signed-in';
  if (needsPermission && !permissionsOf(caller, demand).includes(demand)) return '403';
  const [first] = placesIn(path);
  if (first === undefined || SHARED_NOUNS.has(first.noun) || !isForeign(caller)) return 'passes';
  // The guest may know the organization, but acts in another one until they switch.
  if (caller === 'guest from elsewhere' && first.noun === 'organizations') return '403';
  return '404';
}

export const exceptionFor = ({ id }: DocumentedOperation, caller: CallerName): Exception | undefined =>
  EXCEPTIONS.find((exception) => exception.operations.includes(id) && exception.callers.includes(caller));

/** The token the caller comes with. */
export async function credential(
  caller: CallerName,
  demand: Demand,
  here: Site,
  elsewhere: Site,
): Promise<string | null> {
  const permission = PERMISSIONS.find((one) => one === demand) ?? null;
  // A key has at least one; where none is asked for, it does not matter which.
  const alone: readonly Permission[] = [permission ?? 'dashboard.read'];
  switch (caller) {
    case 'nobody':
      return null;
    case 'owner':
    case 'admin':
    case 'member':
    case 'viewer':
      return (await here.person(caller)).access_token;
    case 'owner elsewhere':
      return (await elsewhere.person('owner')).access_token;
    case 'guest from elsewhere':
      return (await elsewhere.guestOf(here)).access_token;
    case 'key with it alone':
      return here.key(alone);
    case 'key without it':
      return here.keyWithout(permission);
    case 'key elsewhere':
      return elsewhere.keyWithout(null);
    case 'worker':
      return (await here.worker()).token;
    case 'fellow worker':
      return (await here.worker('fellow')).token;
    case 'worker elsewhere':
      return (await elsewhere.worker()).token;
    case 'coordinator':
      return (await here.coordinator()).token;
    case 'coordinator elsewhere':
      return (await elsewhere.coordinator()).token;
    case 'instance key':
      return instanceKey;
    case 'join token':
      return here.joinToken('worker');
    case 'join token for coordinators':
      return here.joinToken('coordinator');
  }
}
