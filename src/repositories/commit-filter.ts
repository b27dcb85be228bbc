import { factsOf, type CommitFacts } from '../git/commit-facts.js';
import type { CommitObject } from '../git/commit-object.js';

/** Which commits a caller wants; absent fields do not matter. */
export interface CommitFilter {
  level?: string;
  agent_type?: string;
  issue_number?: number;
  /** Looked for in the name and the address of the author, without regard to case. */
  author?: string;
  /** Looked for in the message, the author and the id, without regard to case. */
  q?: string;
}

/** What the message of a commit tells, or null when the filter leaves the commit out. */
export function wantedFacts(commit: CommitObject, filter: CommitFilter): CommitFacts | null {
  const { author_name, author_email } = commit;
  if (filter.author !== undefined && !mentions([author_name, author_email], filter.author)) return null;
  if (filter.q !== undefined && !mentions([commit.sha, commit.message, author_name, author_email], filter.q))
    return null;
  const facts = factsOf(commit.message);
  if (filter.level !== undefined && filter.level !== facts.level) return null;
  if (filter.agent_type !== undefined && filter.agent_type !== facts.agent_type) return null;
  if (filter.issue_number !== undefined && filter.issue_number !== facts.issue_number) return null;
  return facts;
}

/** Whether the filter leaves anything out. */
export const isNarrow = ({ level, agent_type, issue_number, author, q }: CommitFilter): boolean =>
  [level, agent_type, issue_number, author, q].some((part) => part !== undefined);

function mentions(texts: readonly string[], wanted: string): boolean {
  const lower = wanted.toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(lower));
}
