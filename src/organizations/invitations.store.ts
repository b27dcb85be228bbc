import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { Invitation, InvitationStatus } from './invitation.entity.js';

export type InvitationRow = Omit<Invitation, 'invited_by' | 'status'> & {
  status: InvitationStatus;
  organization_name: string;
  /** GitHub login of who invited; null when that was a program, or is not known any more. */
  invited_by: string | null;
  cursor_at: string;
};

export type NewInvitation = Pick<Invitation, 'id' | 'organization_id' | 'login' | 'role' | 'invited_by'>;

const LIFE_DAYS = 7;

const STATUS = `case when i.status = 'pending' and i.expires_at <= now() then 'expired' else i.status end`;

const VIEW = `
  select i.id, i.organization_id, o.name as organization_name, i.login, i.role, ${STATUS} as status,
         u.login as invited_by, i.created_at, i.expires_at, i.answered_at, ${cursorTime('i.created_at')} as cursor_at
  from invitations i
  join organizations o on o.id = i.organization_id
  left join users u on u.id = i.invited_by`;

/**
 * Whether the person $1 is who has the login of the invitation now. GitHub gives a login to somebody else after its
 * holder has taken another one; whoever signed in with it last is believed.
 */
const IS_FOR_PERSON = `$1 = (
  select holder.id from users holder where lower(holder.login) = lower(i.login)
  order by holder.updated_at desc, holder.id desc limit 1)`;

/** Every query on invitations. */
@Injectable()
export class InvitationsStore {
  constructor(private readonly database: Database) {}

  /** The organization is locked, so no other one of the login can have come meanwhile. */
  async insert(invitation: NewInvitation): Promise<InvitationRow> {
    const { id, organization_id, login, role, invited_by } = invitation;
    await this.database.query(
      `insert into invitations (id, organization_id, login, role, invited_by, expires_at)
       values ($1, $2, $3, $4, $5, now() + make_interval(days => $6))`,
      [id, organization_id, login, role, invited_by, LIFE_DAYS],
    );
    const row = await this.find(organization_id, id);
    if (row === null) throw new Error('an invitation was not inserted');
    return row;
  }

  /** What waits for an answer of the login, whether or not it has expired. */
  async findPending(organization_id: string, login: string): Promise<InvitationRow | null> {
    return this.database.one(
      `${VIEW} where i.organization_id = $1 and lower(i.login) = lower($2) and i.status = 'pending'`,
      [organization_id, login],
    );
  }

  async find(organization_id: string, id: string): Promise<InvitationRow | null> {
    return this.database.one(`${VIEW} where i.organization_id = $1 and i.id = $2`, [organization_id, id]);
  }

  /** One for the person, in whatever state. */
  async findForPerson(user_id: string, id: string): Promise<InvitationRow | null> {
    return this.database.one(`${VIEW} where i.id = $2 and ${IS_FOR_PERSON}`, [user_id, id]);
  }

  /** Newest first; of all states when there are none. */
  async list(
    organization_id: string,
    statuses: readonly InvitationStatus[] | null,
    after: Position | null,
    limit: number,
  ): Promise<InvitationRow[]> {
    return this.database.query(
      `${VIEW} where i.organization_id = $1 and ($2::text[] is null or ${STATUS} = any ($2))
         and ($3::timestamptz is null or (i.created_at, i.id) < ($3, $4::uuid))
       order by i.created_at desc, i.id desc limit $5`,
      [organization_id, statuses, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /** Those that wait for the person's answer, newest first. */
  async listForPerson(user_id: string, after: Position | null, limit: number): Promise<InvitationRow[]> {
    return this.database.query(
      `${VIEW} where lower(i.login) = (select lower(login) from users where id = $1)
         and i.status = 'pending' and i.expires_at > now() and ${IS_FOR_PERSON}
         and ($2::timestamptz is null or (i.created_at, i.id) < ($2, $3::uuid))
       order by i.created_at desc, i.id desc limit $4`,
      [user_id, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /** Whether an invitation of the login waits for its answer. */
  async existsFor(login: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 from invitations where lower(login) = lower($1) and status = 'pending' and expires_at > now() limit 1`,
      [login],
    );
    return row !== null;
  }

  /** Ends it. The organization is locked, so nobody else is at it. */
  async answer(id: string, status: 'accepted' | 'declined' | 'revoked'): Promise<void> {
    await this.database.query('update invitations set status = $2, answered_at = now() where id = $1', [id, status]);
  }

  /** Forgets one that has expired, so that another can take its place. */
  async remove(id: string): Promise<void> {
    await this.database.query('delete from invitations where id = $1', [id]);
  }
}
