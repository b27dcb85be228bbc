import type { AgentRefs } from './agent-refs.js';

/** What a checkout's other references are held against. */
export interface Covered {
  /** What was handed back, and what it began from. */
  readonly commitSha: string | null;
  readonly baseSha: string | null;
  /** What the repository has, as the runner knows it: `^` and the commit, a line each. */
  readonly known: string;
  /** Whether the agent's objects can be read. */
  readonly readable: boolean;
}

/** Asks git, by arguments and what it reads; null when it says no. */
export type Ask = (args: readonly string[], input: string) => Promise<string | null>;

/** Commits with the files they hold and what they follow. */
type Walked = Map<string, { tree: string; parents: string[] }>;

const MOST_WALKED = 5000;
const MOST_NAMED = 3;

/**
 * Why commits of an agent would be lost with its checkout, beside those that are handed back: other references lead to
 * them, or its HEAD was at them and nothing leads there any more; and why there may be more. A sentence each.
 */
export async function otherWork(refs: AgentRefs, covered: Covered, ask: Ask): Promise<string[]> {
  const reasons = refs.linked.map((path) => `it has a linked work tree at ${path}`);
  if (refs.unread !== null) reasons.push(refs.unread);
  let isElsewhere = false;
  for (const tip of refs.tips) {
    const found = await ask(['rev-list', '--max-count=1', '--stdin'], [tip, ...without(covered), ''].join('\n'));
    // What cannot be read cannot be called saved.
    if (found === '') continue;
    reasons.push('other branches or the stash hold work of their own');
    isElsewhere = true;
    break;
  }
  const left = isElsewhere ? [] : await leftBehind(refs, covered, ask);
  if (left.length > 0) reasons.push(`its HEAD was at commits that nothing leads to any more: ${shown(left)}`);
  return reasons;
}

const shown = (shas: readonly string[]): string => shas.slice(-MOST_NAMED).reverse().join(', ');

const without = ({ commitSha, baseSha, known }: Covered): string[] => [
  ...[commitSha, baseSha].flatMap((sha) => (sha === null ? [] : [`^${sha}`])),
  ...known.split('\n').filter((line) => line !== ''),
];

/** What an agent reset and committed anew, with the very same files, has not been left. */
async function leftBehind(refs: AgentRefs, covered: Covered, ask: Ask): Promise<string[]> {
  const { commitSha, baseSha, readable } = covered;
  const visited = refs.visited.filter((sha) => sha !== commitSha && sha !== baseSha);
  if (visited.length === 0) return [];
  if (!readable) return visited;
  const walk = async (input: readonly string[]): Promise<Walked | null> => {
    // What git has thrown away is named by a log for some time.
    const args = ['rev-list', '--ignore-missing', `--max-count=${String(MOST_WALKED)}`, '--format=%H %T %P', '--stdin'];
    const output = await ask(args, [...input, ''].join('\n'));
    const lines = output?.split('\n').filter((line) => line !== '' && !line.startsWith('commit '));
    if (lines === undefined) return null;
    return new Map(
      lines.map((line) => {
        const [sha = '', tree = '', ...parents] = line.split(' ');
        return [sha, { tree, parents }];
      }),
    );
  };
  const loose = await walk([...visited, ...without(covered), ...refs.fetched.map((sha) => `^${sha}`)]);
  // What cannot be looked for cannot be called saved.
  if (loose === null) return visited;
  if (loose.size === 0) return [];
  const handed = commitSha === null ? [] : [commitSha, ...(baseSha === null ? [] : [`^${baseSha}`])];
  const trees = new Set([...((await walk(handed)) ?? new Map<string, never>()).values()].map(({ tree }) => tree));
  const waiting = [...loose].flatMap(([sha, { tree }]) => (trees.has(tree) ? [sha] : []));
  for (let sha = waiting.pop(); sha !== undefined; sha = waiting.pop()) {
    waiting.push(...(loose.get(sha)?.parents ?? []));
    loose.delete(sha);
  }
  return visited.filter((sha) => loose.has(sha));
}
