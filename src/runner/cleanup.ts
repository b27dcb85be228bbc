/** Something on the disk of a worker that takes room. */
export interface Occupant {
  readonly kind: 'checkout' | 'cache';
  /** Id of the execution, or of the repository. */
  readonly id: string;
  readonly bytes: number;
  /** When it was last of use, in milliseconds since 1970. */
  readonly usedAt: number;
  /** Why it must stay whatever the disk is like; null when it may go. */
  readonly stays: string | null;
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
}

/**
 * Decides for each what becomes of it, and why: first what was asked for, then, while there is too much, the oldest. What
 * holds work that is nowhere else stays, whoever asks.
 */
export function decide(occupants: readonly Occupant[], { budget, asked }: CleanupWishes): Decision[] {
  const decisions = new Map<Occupant, Decision>();
  let total = occupants.reduce((sum, { bytes }) => sum + bytes, 0);
  const settle = (occupant: Occupant, remove: boolean, because: string): void => {
    if (remove) total -= occupant.bytes;
    decisions.set(occupant, { occupant, remove, because });
  };
  for (const occupant of occupants) {
    if (occupant.stays !== null) settle(occupant, false, occupant.stays);
    else if (occupant.kind === 'checkout' && asked.has(occupant.id))
      settle(occupant, true, 'its removal was asked for');
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
