import { Injectable } from '@nestjs/common';
import type { Role } from '../auth/permissions.js';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { OrganizationMember } from './organization-member.entity.js';

/** A membership with what is shown of the person. */
export type MemberRow = OrganizationMember & {
  /** Id of the person, whose place in a page it tells. */
  id: string;
  login: string;
  name: string | null;
  avatar_url: string | null;
  cursor_at: string;
};

const VIEW = `
  select m.organization_id, m.user_id, m.user_id as id, m.role, m.created_at, u.login, u.name, u.avatar_url,
         ${cursorTime('m.created_at')} as cursor_at
  from organization_members m join users u on u.id = m.user_id`;

/** Every query on who belongs to an organization. */
@Injectable()
export class MembersStore {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  async list(organization_id: string, after: Position | null, limit: number): Promise<MemberRow[]> {
    return this.database.query(
      `${VIEW} where m.organization_id = $1
         and ($2::timestamptz is null or (m.created_at, m.user_id) < ($2, $3::uuid))
       order by m.created_at desc, m.user_id desc limit $4`,
      [organization_id, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  async find(organization_id: string, user_id: string): Promise<MemberRow | null> {
    return this.database.one(`${VIEW} where m.organization_id = $1 and m.user_id = $2`, [organization_id, user_id]);
  }

  /** Whether whoever has the GitHub login now belongs to the organization. */
  async hasLogin(organization_id: string, login: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 from organization_members
       where organization_id = $1 and user_id = (
         select id from users where lower(login) = lower($2) order by updated_at desc, id desc limit 1)`,
      [organization_id, login],
    );
    return row !== null;
  }

  /** False when the person belongs to it already. */
  async insert(organization_id: string, user_id: string, role: Role): Promise<boolean> {
    const added = await this.database.count(
      `insert into organization_members (organization_id, user_id, role) values ($1, $2, $3) on conflict do nothing`,
      [organization_id, user_id, role],
    );
    return added > 0;
  }

  async setRole(organization_id: string, user_id: string, role: Role): Promise<void> {
    await this.database.query('update organization_members set role = $3 where organization_id = $1 and user_id = $2', [
      organization_id,
      user_id,
      role,
    ]);
  }

  async remove(organization_id: string, user_id: string): Promise<void> {
    await this.database.query('delete from organization_members where organization_id = $1 and user_id = $2', [
      organization_id,
      user_id,
    ]);
  }

  async countOwners(organization_id: string): Promise<number> {
    const row = await this.database.one<{ owners: number }>(
      `select count(*)::integer as owners from organization_members where organization_id = $1 and role = 'owner'`,
      [organization_id],
    );
    return row?.owners ?? 0;
  }
}
