/** What a task can be. */
export const TASK_STATES = ['blocked', 'pending', 'running', 'completed', 'failed', 'cancelled', 'skipped'] as const;

export type TaskStatus = (typeof TASK_STATES)[number];

export const PRIORITIES = ['P0', 'P1', 'P2'] as const;

export type Priority = (typeof PRIORITIES)[number];

/** One allowed change of status, and what causes it. */
export interface TaskMove {
  from: TaskStatus;
  to: TaskStatus;
  when: string;
}

/** Status a task begins its life with. */
export const INITIAL_STATES: readonly TaskStatus[] = ['pending', 'blocked'];

/** Every allowed move. Nothing changes a status but along one of these; `docs/task-states.md` is made of them. */
export const TASK_MOVES: readonly TaskMove[] = [
  { from: 'blocked', to: 'pending', when: 'the last dependency has completed' },
  { from: 'blocked', to: 'skipped', when: 'a dependency has failed, was cancelled or skipped' },
  { from: 'blocked', to: 'cancelled', when: 'somebody cancels it' },
  { from: 'pending', to: 'running', when: 'a worker claims it, or somebody starts it by hand' },
  { from: 'pending', to: 'blocked', when: 'it is given a dependency that is unfinished' },
  { from: 'pending', to: 'cancelled', when: 'somebody cancels it' },
  { from: 'running', to: 'completed', when: 'the attempt succeeds' },
  { from: 'running', to: 'pending', when: 'the attempt ends without success and may be retried, or is handed back' },
  { from: 'running', to: 'failed', when: 'the attempt ends without success and no retry is left' },
  { from: 'running', to: 'cancelled', when: 'it was to be cancelled and the attempt has ended' },
  { from: 'failed', to: 'pending', when: 'somebody retries it' },
  { from: 'failed', to: 'blocked', when: 'somebody retries it and a dependency is unfinished' },
  { from: 'cancelled', to: 'pending', when: 'somebody retries it' },
  { from: 'cancelled', to: 'blocked', when: 'somebody retries it and a dependency is unfinished' },
  { from: 'skipped', to: 'pending', when: 'somebody retries it, or what caused it was retried and completed' },
  {
    from: 'skipped',
    to: 'blocked',
    when: 'somebody retries it, or what caused it was retried and completed, and another dependency is unfinished',
  },
];

export const mayMove = (from: TaskStatus, to: TaskStatus): boolean =>
  TASK_MOVES.some((move) => move.from === from && move.to === to);

/** Whether the status only changes by somebody's wish. */
export const isFinal = (status: TaskStatus): boolean =>
  status !== 'blocked' && status !== 'pending' && status !== 'running';

/** Throws when a state cannot be reached, or when a move names no known state; called once at start. */
export function checkTaskMoves(moves: readonly TaskMove[] = TASK_MOVES): void {
  const reached = new Set<string>(INITIAL_STATES);
  const known = new Set<string>(TASK_STATES);
  for (const { from, to } of moves) {
    if (!known.has(from) || !known.has(to)) throw new Error(`the move ${from} > ${to} names an unknown state`);
  }
  // A state is reached from one that is; as many rounds as there are states are enough.
  for (let round = 0; round < TASK_STATES.length; round++) {
    for (const { from, to } of moves) if (reached.has(from)) reached.add(to);
  }
  const lost = TASK_STATES.filter((state) => !reached.has(state));
  if (lost.length > 0) throw new Error(`no move leads to ${lost.join(', ')}`);
}
