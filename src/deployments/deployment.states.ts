/** What a deployment can be. A tag that nobody has deployed is `recorded` too: that it exists is all that is known. */
export const DEPLOYMENT_STATES = ['recorded', 'in_progress', 'success', 'failed', 'rolled_back'] as const;

export type DeploymentStatus = (typeof DEPLOYMENT_STATES)[number];

/** What a deployment may be when it is recorded: nothing is rolled back that was not there. */
export const INITIAL_DEPLOYMENT_STATES = ['recorded', 'in_progress', 'success', 'failed'] as const;

/** What may follow upon each. One that was rolled back stays so: its version is deployed again as another one. */
const NEXT: Readonly<Record<DeploymentStatus, readonly DeploymentStatus[]>> = {
  recorded: ['in_progress', 'success', 'failed'],
  in_progress: ['success', 'failed'],
  success: ['rolled_back'],
  failed: ['in_progress', 'rolled_back'],
  rolled_back: [],
};

export const nextStates = (from: DeploymentStatus): readonly DeploymentStatus[] => NEXT[from];

/** From where a version goes on to another environment: what has not begun may, and what has succeeded. */
export const mayLeave = (status: DeploymentStatus): boolean => status === 'recorded' || status === 'success';
