import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { User } from './user.entity.js';

/** Who signs in without GitHub. */
export interface MockProfile {
  github_id: string;
  login: string;
  email: string;
  name: string | null;
}

/** Who signs in through GitHub. */
export type GithubProfile = Pick<User, 'github_id' | 'login' | 'email' | 'name' | 'avatar_url'>;

/** Every query on people. */
@Injectable()
export class UsersStore {
  constructor(private readonly database: Database) {}

  async find(id: string): Promise<User | null> {
    return this.database.one<User>('select * from users where id = $1', [id]);
  }

  async findByGithubId(github_id: string): Promise<User | null> {
    return this.database.one<User>('select * from users where github_id = $1', [github_id]);
  }

  /** Lets first sign-ins pass one after the other, until the transaction under way ends. */
  async lockFirstSignIns(): Promise<void> {
    await this.database.query(`select pg_advisory_xact_lock(hashtextextended('first sign-ins', 0))`);
  }

  async isEmpty(): Promise<boolean> {
    return (await this.database.one('select 1 as found from users limit 1')) === null;
  }

  /** Whether nobody has ever signed in through GitHub. */
  async isEmptyOfGithub(): Promise<boolean> {
    return (await this.database.one('select 1 as found from users where github_login_at is not null limit 1')) === null;
  }

  /**
   * Adds the person or refreshes their profile; only who is added may become the administrator. Null when they are
   * known through GitHub: then nothing is changed.
   */
  async saveMock(id: string, profile: MockProfile & Pick<User, 'is_administrator'>): Promise<User | null> {
    const { github_id, login, email, name, is_administrator } = profile;
    return this.database.one<User>(
      `insert into users (id, github_id, login, email, name, is_administrator) values ($1, $2, $3, $4, $5, $6)
       on conflict (github_id) do update
         set login = excluded.login, email = excluded.email, name = coalesce(excluded.name, users.name), updated_at = now()
         where users.github_login_at is null
       returning *`,
      [id, github_id, login, email, name, is_administrator],
    );
  }

  /** Takes a login from whoever had it before: at GitHub it belongs to one person at a time. */
  async releaseLogin(login: string, github_id: string): Promise<void> {
    await this.database.query(
      `update users set login = 'renamed-' || github_id, updated_at = now()
       where lower(login) = lower($1) and github_id <> $2`,
      [login, github_id],
    );
  }

  /** Adds the person or refreshes their profile; `is_administrator` counts at their first sign-in through GitHub. */
  async saveGithub(id: string, profile: GithubProfile & Pick<User, 'is_administrator'>): Promise<User> {
    const { github_id, login, email, name, avatar_url, is_administrator } = profile;
    const [user] = await this.database.query<User>(
      `insert into users (id, github_id, login, email, name, avatar_url, is_administrator, github_login_at)
       values ($1, $2, $3, $4, $5, $6, $7, now())
       on conflict (github_id) do update
         set login = excluded.login, email = excluded.email, name = excluded.name, avatar_url = excluded.avatar_url,
           is_administrator = case when users.github_login_at is null then excluded.is_administrator
             else users.is_administrator end,
           github_login_at = now(), updated_at = now()
       returning *`,
      [id, github_id, login, email, name, avatar_url, is_administrator],
    );
    if (user === undefined) throw new Error('a person was not saved');
    return user;
  }
}
