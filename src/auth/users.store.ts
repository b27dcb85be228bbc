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

/** Every query on people. */
@Injectable()
export class UsersStore {
  constructor(private readonly database: Database) {}

  async find(id: string): Promise<User | null> {
    return this.database.one<User>('select * from users where id = $1', [id]);
  }

  /** Adds the person or refreshes their profile. Null when they are known through GitHub: then nothing is changed. */
  async saveMock(id: string, profile: MockProfile): Promise<User | null> {
    const { github_id, login, email, name } = profile;
    return this.database.one<User>(
      `insert into users (id, github_id, login, email, name) values ($1, $2, $3, $4, $5)
       on conflict (github_id) do update
         set login = excluded.login, email = excluded.email, name = coalesce(excluded.name, users.name), updated_at = now()
         where users.github_login_at is null
       returning *`,
      [id, github_id, login, email, name],
    );
  }
}
