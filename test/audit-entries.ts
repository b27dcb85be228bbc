import { newId } from '../src/ids.js';
import { caller } from './memberships.js';
import type { TestApp } from './test-app.js';

export interface Entry {
  id: string;
  actor: { type: string; id: string | null; login: string | null };
  action: string;
  subject: Record<string, string>;
  data: Record<string, unknown>;
  ip: string | null;
  user_agent: string | null;
  request_id: string | null;
  created_at: string;
}
export interface EntryPage {
  items: Entry[];
  next_cursor: string | null;
}

export const readAudit = async (server: TestApp, token: string, query = ''): Promise<EntryPage> =>
  (await caller(server, token).get(`audit-log?${query}`).expect(200)).body as EntryPage;

/** Writes entries as they might be, one second after the other from 2020 on; returns their ids, oldest first. */
export async function writeAudit(
  server: TestApp,
  organization_id: string | null,
  facts: Partial<Entry>[],
): Promise<string[]> {
  const ids: string[] = [];
  for (const [second, { actor, action, subject }] of facts.entries()) {
    const id = newId();
    await server.sql.query(
      `insert into audit_entries (id, organization_id, actor, action, subject, data, created_at)
       values ($1, $2, $3, $4, $5, '{}', timestamptz '2020-01-01T00:00:00Z' + make_interval(secs => $6))`,
      [id, organization_id, actor ?? { type: 'system', id: null }, action ?? 'task.deleted', subject ?? {}, second],
    );
    ids.push(id);
  }
  return ids;
}
