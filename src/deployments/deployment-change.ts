import type { Actor } from '../auth/principal.js';
import type { EventType } from '../events/event-types.js';
import type { Deployment } from './deployment.entity.js';
import { mayLeave, nextStates, type DeploymentStatus } from './deployment.states.js';
import { DeploymentNotMovable, DeploymentNotPromotable } from './deployments.errors.js';
import type { DeploymentUpdate } from './deployments.store.js';

/** What somebody wants of a deployment; absent fields stay. */
export interface DeploymentPatch {
  environment?: string;
  status?: DeploymentStatus;
  deployed_by?: string | null;
  pull_request_number?: number | null;
  notes?: string | null;
}

/** What is to be written, what is to be told, and whether it also stays where it was. */
export interface DeploymentChange {
  update: DeploymentUpdate;
  events: EventType[];
  leaves: boolean;
}

type Before = Pick<
  Deployment,
  'environment' | 'status' | 'deployed_by' | 'pull_request_number' | 'notes' | 'completed_at'
>;

const TOLD: Readonly<Record<DeploymentStatus, EventType>> = {
  recorded: 'deployment.recorded',
  in_progress: 'deployment.started',
  success: 'deployment.succeeded',
  failed: 'deployment.failed',
  rolled_back: 'deployment.rolled_back',
};

/** Times that come with a status. What was never told to begin has no beginning. */
const STAMPS: Readonly<Record<DeploymentStatus, DeploymentUpdate>> = {
  recorded: {},
  in_progress: { started_at: 'now', completed_at: null },
  success: { completed_at: 'now' },
  failed: { completed_at: 'now' },
  rolled_back: { rolled_back_at: 'now' },
};

/**
 * What a patch comes to; null when it changes nothing. Throws DeploymentNotMovable and DeploymentNotPromotable. First to
 * another environment, then on in its status there.
 */
export function changeOf(before: Before, patch: DeploymentPatch, actor: Actor): DeploymentChange | null {
  const place = placeOf(before, patch, actor);
  const status = place.update.status ?? before.status;
  const move = statusOf(status, patch.status);
  const facts = factsOf(before, patch);
  const update = { ...place.update, ...move.update, ...facts };
  if (Object.keys(update).length === 0) return null;
  const events = [...place.events, ...move.events];
  return { update, events: events.length > 0 ? events : ['deployment.updated'], leaves: place.leaves };
}

function placeOf(before: Before, { environment }: DeploymentPatch, actor: Actor): DeploymentChange {
  if (environment === undefined || environment === before.environment) return { update: {}, events: [], leaves: false };
  if (!mayLeave(before.status)) throw new DeploymentNotPromotable(before.status, before.environment);
  return {
    update: {
      environment,
      status: 'recorded',
      actor,
      deployed_by: actor.login,
      // Of where it was before it came to the environment that it leaves, nothing is true any more.
      promoted_from: null,
      started_at: null,
      completed_at: null,
      rolled_back_at: null,
    },
    events: ['deployment.promoted'],
    leaves: before.status === 'success',
  };
}

function statusOf(from: DeploymentStatus, to: DeploymentStatus | undefined): Omit<DeploymentChange, 'leaves'> {
  if (to === undefined || to === from) return { update: {}, events: [] };
  if (!nextStates(from).includes(to)) throw new DeploymentNotMovable(from, to);
  return { update: { status: to, ...STAMPS[to] }, events: [TOLD[to]] };
}

function factsOf(before: Before, patch: DeploymentPatch): DeploymentUpdate {
  const given = (['deployed_by', 'pull_request_number', 'notes'] as const).filter(
    (field) => patch[field] !== undefined && patch[field] !== before[field],
  );
  return Object.fromEntries(given.map((field) => [field, patch[field]]));
}
