import { Injectable } from '@nestjs/common';
import type { Role } from '../auth/permissions.js';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { Organization } from './organization.entity.js';

export type OrganizationRow = Organization & { cursor_at: string };

const COLUMNS = `o.id, o.name, o.personal_for, o.created_at, ${cursorTime('o.created_at')} as cursor_at`;

/** Every query on organizations. */
@Injectable()
export class OrganizationsStore {
  constructor(private readonly database: Database) {}

  async findPersonal(user_id: string): Promise<OrganizationRow | null> {
    return this.database.one(`select ${COLUMNS} from organizations o where o.personal_for = $1`, [user_id]);
  }

  /** Adds an organization with the person as its owner. */
  async insert(id: string, name: string, user_id: string, personal: boolean): Promise<OrganizationRow> {
    const row = await this.database.one<OrganizationRow>(
      `with o as (
         insert into organizations (id, name, personal_for)
         values ($1, $2, case when $4::boolean then $3::uuid end) returning *),
       m as (
         insert into organization_members (organization_id, user_id, role) select id, $3, 'owner' from o)
       select ${COLUMNS} from o`,
      [id, name, user_id, personal],
    );
    if (row === null) throw new Error('an organization was not inserted');
    return row;
  }

  async find(id: string): Promise<OrganizationRow | null> {
    return this.database.one(`select ${COLUMNS} from organizations o where o.id = $1`, [id]);
  }

  async findOfMember(id: string, user_id: string): Promise<OrganizationRow | null> {
    return this.database.one(
      `select ${COLUMNS} from organizations o
       join organization_members m on m.organization_id = o.id and m.user_id = $2
       where o.id = $1`,
      [id, user_id],
    );
  }

  /** Those the person belongs to, newest first. */
  async listOfMember(user_id: string, after: Position | null, limit: number): Promise<OrganizationRow[]> {
    return this.database.query(
      `select ${COLUMNS} from organization_members m
       join organizations o on o.id = m.organization_id
       where m.user_id = $1 and ($2::timestamptz is null or (o.created_at, o.id) < ($2, $3::uuid))
       order by o.created_at desc, o.id desc limit $4`,
      [user_id, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /**
   * Makes other changes of who belongs to it wait until the transaction ends. What refers to the organization, such as
   * a new task, may be added meanwhile.
   */
  async lock(id: string): Promise<OrganizationRow | null> {
    return this.database.one(`select ${COLUMNS} from organizations o where o.id = $1 for no key update`, [id]);
  }

  /** Makes everything wait that would refer to it. */
  async lockForDelete(id: string): Promise<OrganizationRow | null> {
    return this.database.one(`select ${COLUMNS} from organizations o where o.id = $1 for update`, [id]);
  }

  /** What the person is in the organization; null when they do not belong to it. */
  async findRole(id: string, user_id: string): Promise<Role | null> {
    const row = await this.database.one<{ role: Role }>(
      'select role from organization_members where organization_id = $1 and user_id = $2',
      [id, user_id],
    );
    return row?.role ?? null;
  }

  async rename(id: string, name: string): Promise<OrganizationRow | null> {
    return this.database.one(`update organizations o set name = $2 where id = $1 returning ${COLUMNS}`, [id, name]);
  }

  /** Takes with it what refers to it, but for tasks and executions that refer to repositories as well. */
  async delete(id: string): Promise<void> {
    await this.database.query('delete from organizations where id = $1', [id]);
  }
}
