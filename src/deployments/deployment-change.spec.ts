import { SYSTEM } from '../auth/principal.js';
import { changeOf, type DeploymentPatch } from './deployment-change.js';
import { DEPLOYMENT_STATES, type DeploymentStatus } from './deployment.states.js';

const at = (status: DeploymentStatus) => ({
  environment: 'staging',
  status,
  deployed_by: 'ada',
  pull_request_number: null,
  notes: null,
  completed_at: null,
});

const outcome = (status: DeploymentStatus, patch: DeploymentPatch): string => {
  try {
    const change = changeOf(at(status), patch, SYSTEM);
    return change === null ? 'nothing' : change.events.join(' ');
  } catch (error) {
    return (error as { code: string }).code;
  }
};

it('moves along its table and no other way', () => {
  const allowed = DEPLOYMENT_STATES.flatMap((from) =>
    DEPLOYMENT_STATES.filter((to) => outcome(from, { status: to }).startsWith('deployment.')).map(
      (to) => `${from} > ${to}`,
    ),
  );
  expect(allowed).toEqual([
    'recorded > in_progress',
    'recorded > success',
    'recorded > failed',
    'in_progress > success',
    'in_progress > failed',
    'success > rolled_back',
    'failed > in_progress',
    'failed > rolled_back',
  ]);
});

it('tells by name what is refused, and what is not', () => {
  expect(() => changeOf(at('rolled_back'), { status: 'success' }, SYSTEM)).toThrow(/rolled_back cannot become success/);
  expect(() => changeOf(at('recorded'), { status: 'rolled_back' }, SYSTEM)).toThrow(
    /recorded cannot become rolled_back, but in_progress or success or failed/,
  );
});

it.each(DEPLOYMENT_STATES)('does nothing when %s is to become what it is', (status) => {
  expect(outcome(status, { status, environment: 'staging', notes: null })).toBe('nothing');
});

it.each<[DeploymentStatus, string]>([
  ['recorded', 'deployment.promoted'],
  ['in_progress', 'deployment/not-promotable'],
  ['success', 'deployment.promoted'],
  ['failed', 'deployment/not-promotable'],
  ['rolled_back', 'deployment/not-promotable'],
])('promotes one that is %s: %s', (status, expected) => {
  expect(outcome(status, { environment: 'production' })).toBe(expected);
});

it('keeps the place that is left only where something is', () => {
  expect(changeOf(at('success'), { environment: 'production' }, SYSTEM)?.leaves).toBe(true);
  expect(changeOf(at('recorded'), { environment: 'production' }, SYSTEM)?.leaves).toBe(false);
});

it('begins anew at the next environment, and may be further there at once', () => {
  expect(changeOf(at('success'), { environment: 'production', status: 'in_progress' }, SYSTEM)).toEqual({
    update: {
      environment: 'production',
      status: 'in_progress',
      actor: SYSTEM,
      deployed_by: null,
      promoted_from: null,
      started_at: 'now',
      completed_at: null,
      rolled_back_at: null,
    },
    events: ['deployment.promoted', 'deployment.started'],
    leaves: true,
  });
  expect(outcome('success', { environment: 'production', status: 'rolled_back' })).toBe('deployment/not-movable');
});

it('changes what is said of it at any time', () => {
  expect(outcome('rolled_back', { notes: 'why', pull_request_number: 7 })).toBe('deployment.updated');
  expect(changeOf(at('success'), { deployed_by: null }, SYSTEM)?.update).toEqual({ deployed_by: null });
});
