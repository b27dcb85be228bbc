import { eventually } from './eventually.js';
import type { Answer, TestPerson } from './fleet.js';

/** A worktree as the API tells it. */
export interface ListedWorktree {
  id: string;
  repository_id: string | null;
  path: string;
  branch: string | null;
  head_sha: string | null;
  kind: string;
  dirty: boolean | null;
  size_bytes: number | null;
  would_lose: string[];
  kept_because: string | null;
  problem: string | null;
  removal_requested_at: string | null;
}

export interface WorktreeAnswer {
  items: ListedWorktree[];
  next_cursor: string | null;
  unread: unknown[];
}

/** `409 worktree/in-use` */
export const told = ({ status, body }: Answer): string => `${String(status)} ${String(body['code'])}`;

interface Fact {
  type: string;
  subject: { worktree_id?: string };
  data: object;
}

/** What was told of a worktree, once the last of it is of this type. */
export async function factsOf(person: TestPerson, id: string, last: string): Promise<Fact[]> {
  let found: Fact[] = [];
  await eventually(`${last} is told`, async () => {
    const types = ['created', 'removal_requested', 'removed', 'kept'].map((type) => `types=worktree.${type}`).join('&');
    const { items } = (await person.get(`/events?${types}&limit=100`)).body as unknown as { items: Fact[] };
    found = items.filter(({ subject }) => subject.worktree_id === id);
    return found.at(-1)?.type === last;
  });
  return found;
}
