/** One move of a HEAD or a reference, as git writes it into its log. */
interface Move {
  from: string;
  to: string;
  kind: 'begins' | 'step' | 'melds' | 'ends' | 'aborts' | 'leaves' | 'amends' | 'other';
}

/** How git rewrites commits: both may be work, or only what came of it. */
export interface LogReading {
  /** Whether what an amendment or a rebase replaced counts beside what it came to. */
  replaced: boolean;
}

const LINE = /^([0-9a-f]{40}) ([0-9a-f]{40}) [^\t]*\t?(.*)$/;
const NOTHING = '0'.repeat(40);
/** `rebase (pick): ...`, `pull --rebase origin main (start): ...`; a merge of what was pulled from `a (copy)` is none. */
const OF_A_REBASE = /^(?:rebase|pull)(?: [^:]*)? \(([a-z-]+)\)(?::|$)/;
const KINDS: Readonly<Record<string, Move['kind']>> = {
  start: 'begins',
  ...{ pick: 'step', reword: 'step', edit: 'step', continue: 'step', merge: 'step', reset: 'step', skip: 'step' },
  ...{ squash: 'melds', fixup: 'melds' },
  finish: 'ends',
  abort: 'aborts',
};
/** What goes on with a rebase, so that what it has made before is part of what comes, or was for this alone. */
const GOES_ON: readonly (Move['kind'] | undefined)[] = ['step', 'melds', 'ends', 'amends'];

/**
 * Commits that a HEAD has been at, from the text of its log, in order. What a rebase makes on its way is left out: copies
 * of commits that are named where it begins, which it replaces by further ones as it goes. Only as long as the next move
 * shows that it goes on: what it had come to when it was given up, or left lying, may hold what somebody has made of it, and
 * a commit made by hand is one, wherever it was made.
 */
export function commitsInLog(log: string, { replaced }: LogReading): string[] {
  const moves = log.split('\n').flatMap(moveIn);
  const found = new Set<string>();
  let before = '';
  for (const [at, { from, to, kind }] of moves.entries()) {
    // The first of a log, or one that follows upon some that git has dropped.
    if (from !== before) found.add(from);
    before = to;
    const next = moves[at + 1]?.kind;
    const isItsOwn = kind === 'step' || kind === 'melds' || kind === 'begins';
    // Where it began there is nothing of it yet.
    const isOnTheWay = isItsOwn && (GOES_ON.includes(next) || (kind === 'begins' && next === 'aborts'));
    const isReplaced = next === 'amends' || next === 'melds' || (next === 'begins' && isFinished(moves, at + 1));
    if (!isOnTheWay && (replaced || !isReplaced)) found.add(to);
  }
  found.delete(NOTHING);
  return [...found];
}

/** Whether a rebase came to its end, as far as that is told: of one without a branch it is not, nor that one was left. */
function isFinished(moves: readonly Move[], begins: number): boolean {
  for (let at = begins + 1; at < moves.length; at++) {
    const kind = moves[at]?.kind;
    if (kind === 'ends') return true;
    if (kind === 'begins' || kind === 'aborts' || kind === 'leaves') return false;
  }
  return false;
}

function moveIn(line: string): Move[] {
  const [, from, to, words = ''] = LINE.exec(line) ?? [];
  return from === undefined || to === undefined ? [] : [{ from, to, kind: kindOf(words) }];
}

/** Words that are not known stand for work. */
function kindOf(words: string): Move['kind'] {
  if (words.startsWith('commit (amend)')) return 'amends';
  if (words.startsWith('checkout:')) return 'leaves';
  if (words.startsWith('rebase finished')) return 'ends';
  return KINDS[OF_A_REBASE.exec(words)?.[1] ?? ''] ?? 'other';
}
