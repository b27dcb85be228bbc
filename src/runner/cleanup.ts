/** Something on the disk of a worker that takes room. */
export interface Occupant {
  readonly kind: 'checkout' | 'cache';
  /** Id of the execution, or of the repository. */
  readonly id: string;
  readonly bytes: number;
  /** When it was last of use, in milliseconds since 1970. */
  readonly usedAt: number;
  /** Why it must stay whoever asks; null when it may go. */
  readonly stays: string | null;
  /** What it holds that is nowhere else, so that it goes only for who knows that; null when there is nothing. */
  readonly holds: string | null;
}

export interface Decision {
  readonly occupant: Occupant;
  readonly remove: boolean;
  readonly because: string;
}

export interface CleanupWishes {
  /** Bytes that all of them together may take; 0 is no limit. */
  readonly budget: number;
  /** Checkouts the server asks to be removed. */
  readonly asked: ReadonlySet<string>;
  /** Those of them that are to go with what they hold. */
  readonly forced: ReadonlySet<string>;
}

/**
 * Decides for each what becomes of it, and why: first what was asked for, then, while there is too much, the oldest. What
 * holds work that is nowhere else stays, unless it was asked for with that.
 */
export function decide(occupants: readonly Occupant[], { budget, asked, forced }: CleanupWishes): Decision[] {
  const decisions = new Map<Occupant, Decision>();
  let total = occupants.reduce((sum, { bytes }) => sum + bytes, 0);
  const settle = (occupant: Occupant, remove: boolean, because: string): void => {
    if (remove) total -= occupant.bytes;
    decisions.set(occupant, { occupant, remove, because });
  };
  for (const occupant of occupants) {
    const { kind, id, stays, holds } = occupant;
    const isAsked = kind === 'checkout' && asked.has(id);
    if (stays !== null) settle(occupant, false, stays);
    else if (isAsked && forced.has(id)) settle(occupant, true, 'its removal was asked for, with what it holds');
    else if (holds !== null) settle(occupant, false, holds);
    else if (isAsked) settle(occupant, true, 'its removal was asked for');
  }
  const free = occupants.filter((occupant) => !decisions.has(occupant));
  for (const occupant of free.sort((one, other) => one.usedAt - other.usedAt)) {
    const isOver = budget > 0 && total > budget;
    settle(occupant, isOver, isOver ? `the disk budget of ${String(budget)} bytes is used up` : 'there is room for it');
  }
  return occupants.map((occupant) => decisions.get(occupant)).filter((decision) => decision !== undefined);
}

/** Does what was decided, or with `dryRun` nothing of it; answers what went, or would have gone. */
export async function carryOut(
  decisions: readonly Decision[],
  { dryRun, remove }: { dryRun: boolean; remove: (occupant: Occupant) => Promise<void> },
): Promise<Occupant[]> {
  const gone = decisions.filter((decision) => decision.remove).map(({ occupant }) => occupant);
  if (!dryRun) for (const occupant of gone) await remove(occupant);
  return gone;
}
