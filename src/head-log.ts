/** One move of a HEAD or a reference, as git writes it into its log. */
interface Move {
  from: string;
  to: string;
  kind: 'begins' | 'step' | 'ends' | 'amends' | 'other';
}

/** How git rewrites commits: both may be work, or only what came of it. */
export interface LogReading {
  /** Whether what an amendment or a rebase replaced counts beside what it came to. */
  replaced: boolean;
}

const LINE = /^([0-9a-f]{40}) ([0-9a-f]{40}) [^\t]*\t?(.*)$/;
const NOTHING = '0'.repeat(40);
/** `rebase (pick): ...`, `pull --rebase origin main (start): ...`; no name of a reference holds a blank. */
const OF_A_REBASE = /^(?:rebase|pull)(?: [^:]*)? \(([a-z-]+)\)/;

/**
 * Commits that a HEAD has been at, from the text of its log, in order. What a rebase makes on its way is left out: copies
 * of commits that are named where it begins, which it replaces by further ones as it goes.
 */
export function commitsInLog(log: string, { replaced }: LogReading): string[] {
  const moves = log.split('\n').flatMap(moveIn);
  const found = new Set<string>();
  let before = '';
  let rebasing = false;
  for (const [at, { from, to, kind }] of moves.entries()) {
    // The first of a log, or one that follows upon some that git has dropped.
    if (from !== before) found.add(from);
    before = to;
    const next = moves[at + 1]?.kind;
    if (kind === 'begins') rebasing = true;
    else if (kind === 'ends') rebasing = false;
    const onTheWay = rebasing && (kind === 'step' || next === 'step' || next === 'amends');
    const isReplaced = next === 'amends' || next === 'begins';
    if (!onTheWay && (replaced || !isReplaced)) found.add(to);
  }
  found.delete(NOTHING);
  return [...found];
}

function moveIn(line: string): Move[] {
  const [, from, to, words = ''] = LINE.exec(line) ?? [];
  return from === undefined || to === undefined ? [] : [{ from, to, kind: kindOf(words) }];
}

function kindOf(words: string): Move['kind'] {
  if (words.startsWith('commit (amend)')) return 'amends';
  const step = words.startsWith('rebase finished') ? 'finish' : OF_A_REBASE.exec(words)?.[1];
  if (step === undefined) return 'other';
  if (step === 'start') return 'begins';
  return step === 'finish' || step === 'abort' ? 'ends' : 'step';
}
