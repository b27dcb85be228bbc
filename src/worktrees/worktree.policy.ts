/** What is known of a worktree, as far as it matters to what becomes of it. Null stands for what could not be told. */
export interface WorktreeFacts {
  kind: 'linked' | 'checkout';
  /** Why it is locked; null when it is not. */
  locked: string | null;
  /** Why nothing of it could be looked at; null when it could. */
  problem: string | null;
  /** Whether its directory is gone, so that only what git keeps about it is left. */
  prunable: boolean;
  dirty: boolean | null;
  unpushed: boolean | null;
  merged: boolean | null;
  /** Whether an execution works in it. */
  running: boolean;
  /** Whether it is what the repository was registered by. */
  registered: boolean;
  /** What lies in it that must not go with it; null when nothing does. */
  surrounds: string | null;
  /** Processes that work in it; null when there are none, or none that can be seen. */
  occupied: string | null;
  /** Why it cannot be removed at this moment, whoever asks; null when it can. */
  hindered: string | null;
  /** Whether nobody is there any more to remove it: its worker has been deleted. */
  abandoned: boolean;
  /** Seconds since something in it changed; null when that is not known. */
  unused_for_seconds: number | null;
  /** What it holds that is nowhere else, a text for each; what goes with it without a question is among it. */
  would_lose: readonly string[];
  /** Those of them that nobody is asked about: files that the project itself says nobody needs. */
  goes_along: readonly string[];
}

/** What becomes of a worktree, and why. */
export interface Decision {
  remove: boolean;
  because: string;
}

/** What a clean-up does about a worktree. */
export const CLEANUP_OUTCOMES = ['kept', 'would_be_removed', 'removed', 'requested', 'refused', 'postponed'] as const;

export type CleanupOutcome = (typeof CLEANUP_OUTCOMES)[number];

/** Unless somebody says so nothing goes on the day it was used. */
export const UNUSED_FOR_SECONDS = 24 * 60 * 60;

/** What stands against removing it, whoever asks. Null when nothing does. */
export function obstacleOf({ registered, running, locked, surrounds }: WorktreeFacts): string | null {
  if (registered) return 'the repository is registered by it';
  if (running) return 'its execution runs';
  if (locked !== null) return locked === '' ? 'it is locked' : `it is locked: ${locked}`;
  return surrounds;
}

/** That processes work in it, which only who knows that overrules. */
export const occupation = (by: string): string => `a process works in it: ${by}`;

/** Whether it holds, or may hold, what is nowhere else. Commits that are in the default branch are there. */
export const holdsWork = ({ problem, dirty, unpushed, merged }: WorktreeFacts): boolean =>
  problem !== null || dirty !== false || (unpushed !== false && merged !== true);

/** What a clean-up does with a worktree. */
export function decide(facts: WorktreeFacts, unused_for_seconds: number): Decision {
  const stays = (because: string): Decision => ({ remove: false, because });
  const goes = (because: string): Decision => ({
    remove: true,
    because: [because, ...facts.goes_along.map((one) => `with it goes ${one}`)].join('; '),
  });
  const obstacle = obstacleOf(facts);
  if (obstacle !== null) return stays(obstacle);
  if (facts.occupied !== null) return stays(occupation(facts.occupied));
  if (facts.hindered !== null) return stays(facts.hindered);
  if (facts.problem !== null) return stays(`it could not be looked at: ${facts.problem}`);
  if (holdsWork(facts)) return stays(facts.would_lose.join('; ') || 'it may hold work that is nowhere else');
  if (facts.abandoned) return stays('its worker has been deleted, so nobody is there to remove it');
  // The disk that it is on may have been taken away for a moment.
  const though = facts.prunable ? 'its directory is gone, though ' : '';
  if (facts.unused_for_seconds === null)
    return stays(`${though}it is not known when it was used last${facts.prunable ? '' : ': it has too many files'}`);
  if (facts.unused_for_seconds < unused_for_seconds) return stays(`${though}it was used a short while ago`);
  if (facts.prunable) return goes('its directory is gone');
  return goes(
    facts.merged === true
      ? 'nothing in it is uncommitted, and its commits are in the default branch'
      : 'nothing in it is uncommitted, and its commits are elsewhere, too',
  );
}
