import type { CommitObject } from '../git/commit-object.js';
import { cut } from './cut-text.js';
import type { CommitFacts } from '../git/commit-facts.js';

const MAX_MESSAGE = 1000;
const MAX_BODY = 4000;

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
    truncated: boolean;
    author_email: string;
    authored_at: Date;
  };
  issue_number: number | null;
  commit_sha: string;
  author: string;
}

/** The entry of a commit. */
export function entryOf(
  commit: CommitObject,
  { subject, body, level, agent_type, issue_number }: CommitFacts,
  repository: { id: string; full_name: string | null },
): LogEntry {
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
      truncated: commit.truncated || subject.length > MAX_MESSAGE || body.length > MAX_BODY,
      author_email: commit.author_email,
      authored_at: commit.authored_at,
    },
    issue_number,
    commit_sha: commit.sha,
    author: commit.author_name,
  };
}
