import type { CommitObject } from '../git/commit-object.js';
import { factsOf } from '../git/commit-facts.js';

const MAX_MESSAGE = 1000;
const MAX_BODY = 4000;

/** Which log entries a caller wants; absent fields do not matter. */
export interface LogFilter {
  level?: string;
  agent_type?: string;
  issue_number?: number;
  /** Looked for in the message, the author and the id, without regard to case. */
  q?: string;
}

/** A commit as a log entry. */
export interface LogEntry {
  id: string;
  timestamp: Date;
  level: 'info' | 'warn';
  agent_type: string | null;
  message: string;
  context: {
    repository_id: string;
    full_name: string | null;
    body: string;
    parents: string[];
    author_email: string;
    authored_at: Date;
  };
  issue_number: number | null;
  commit_sha: string;
  author: string;
}

/** The entry of a commit, or null when the filter leaves it out. */
export function entryOf(
  commit: CommitObject,
  repository: { id: string; full_name: string | null },
  filter: LogFilter,
): LogEntry | null {
  const { subject, body, level, agent_type, issue_number } = factsOf(commit.message);
  if (filter.level !== undefined && filter.level !== level) return null;
  if (filter.agent_type !== undefined && filter.agent_type !== agent_type) return null;
  if (filter.issue_number !== undefined && filter.issue_number !== issue_number) return null;
  if (filter.q !== undefined && !mentions(commit, filter.q)) return null;
  return {
    id: commit.sha,
    timestamp: commit.committed_at,
    level,
    agent_type,
    message: cut(subject, MAX_MESSAGE),
    context: {
      repository_id: repository.id,
      full_name: repository.full_name,
      body: cut(body, MAX_BODY),
      parents: commit.parents,
      author_email: commit.author_email,
      authored_at: commit.authored_at,
    },
    issue_number,
    commit_sha: commit.sha,
    author: commit.author_name,
  };
}

function mentions({ sha, message, author_name, author_email }: CommitObject, q: string): boolean {
  const wanted = q.toLowerCase();
  return [sha, message, author_name, author_email].some((text) => text.toLowerCase().includes(wanted));
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** At most `max` UTF-16 units with an ellipsis for the rest, never ending inside of what a reader sees as a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // Only the place of the cut matters, so only its surroundings are segmented.
  const from = Math.max(0, max - 100);
  const start = isLowSurrogate(text.charCodeAt(from)) ? from + 1 : from;
  let end = start;
  for (const { segment, index } of graphemes.segment(text.slice(start, max + 100))) {
    const next = start + index + segment.length;
    if (next > max - 1) break;
    end = next;
  }
  return `${text.slice(0, end)}…`;
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
