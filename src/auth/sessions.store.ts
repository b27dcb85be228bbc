import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Role } from './permissions.js';
import type { Session } from './session.entity.js';

/** What a request needs to know of a live session. */
export interface LiveSession {
  id: string;
  user_id: string;
  organization_id: string;
  login: string;
  origin: Session['origin'];
  is_administrator: boolean;
  role: Role;
  /** Whether its last use was written down more than a minute ago. */
  is_stale: boolean;
}

export type NewSession = Pick<Session, 'id' | 'user_id' | 'organization_id' | 'origin' | 'user_agent' | 'ip'> & {
  /** Seconds until it ends, however often it is refreshed. */
  lifetime: number;
};

/** A refresh token as it is kept. */
export interface NewRefreshToken {
  id: string;
  token_hash: Buffer;
  /** Seconds it may be used, within those of its session. */
  life: number;
}

/** What a refresh continues. */
export type RenewedSession = Pick<Session, 'id' | 'user_id' | 'organization_id'> & {
  /** Seconds until the new refresh token expires. */
  expires_in: number;
};

/** Every query on sessions and their refresh tokens. */
@Injectable()
export class SessionsStore {
  constructor(private readonly database: Database) {}

  async insert(session: NewSession, token: NewRefreshToken): Promise<void> {
    const { id, user_id, organization_id, origin, user_agent, ip, lifetime } = session;
    await this.database.query(
      `with session as (
         insert into sessions (id, user_id, organization_id, origin, user_agent, ip, expires_at, ends_at)
         values ($1, $2, $3, $4, $5, $6,
           now() + make_interval(secs => least($7::integer, $10::integer)), now() + make_interval(secs => $10::integer))
         returning id, expires_at)
       insert into refresh_tokens (id, session_id, token_hash, expires_at) select $8, id, $9, expires_at from session`,
      [id, user_id, organization_id, origin, user_agent, ip, token.life, token.id, token.token_hash, lifetime],
    );
  }

  /**
   * The live ones among the sessions, by id. The role is read in the same statement, although members belong to
   * another feature: every request pays for this, and a second statement would cost as much again.
   */
  async findLive(ids: readonly string[]): Promise<ReadonlyMap<string, LiveSession>> {
    const rows = await this.database.query<LiveSession>(
      `select s.id, s.user_id, s.organization_id, s.origin, u.login, u.is_administrator, m.role,
              s.last_used_at < now() - interval '1 minute' as is_stale
       from sessions s
       join users u on u.id = s.user_id
       join organization_members m on m.organization_id = s.organization_id and m.user_id = s.user_id
       where s.id = any($1::uuid[]) and s.revoked_at is null and s.expires_at > now()`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  /**
   * Whose live session it is, provided that they belong to the organization. It stays as it is until the transaction
   * under way ends, so that what it vouches for cannot outlive its end unnoticed.
   */
  async findMember(id: string, organization_id: string): Promise<Pick<Session, 'user_id' | 'origin'> | null> {
    return this.database.one(
      `select s.user_id, s.origin from sessions s
       join organization_members m on m.organization_id = $2 and m.user_id = s.user_id
       where s.id = $1 and s.revoked_at is null and s.expires_at > now()
       for share of s`,
      [id, organization_id],
    );
  }

  /**
   * Exchanges an unused refresh token for the next one, in one statement: of two that come with the same token only
   * one finds it unused. Null when it is used, expired, unknown or of a session that has ended.
   */
  async rotate(
    token_hash: Buffer,
    next: NewRefreshToken,
    device: Pick<Session, 'ip' | 'user_agent'>,
  ): Promise<RenewedSession | null> {
    return this.database.one(
      `with used as (
         update refresh_tokens set used_at = now()
         where token_hash = $1 and used_at is null and expires_at > now() returning session_id),
       renewed as (
         update sessions s set last_used_at = now(), ip = coalesce($5, ip), user_agent = coalesce($6, user_agent),
           expires_at = least(now() + make_interval(secs => $4), ends_at)
         from used where s.id = used.session_id and s.revoked_at is null and s.expires_at > now()
         returning s.id, s.user_id, s.organization_id, s.expires_at),
       added as (
         insert into refresh_tokens (id, session_id, token_hash, expires_at)
         select $2, id, $3, expires_at from renewed),
       forgotten as (
         delete from refresh_tokens r using used where r.session_id = used.session_id and r.expires_at <= now())
       select id, user_id, organization_id, floor(extract(epoch from expires_at - now()))::integer as expires_in
       from renewed`,
      [token_hash, next.id, next.token_hash, next.life, device.ip, device.user_agent],
    );
  }

  /** The session of a refresh token that has been used, or null. */
  async findSessionOfUsedToken(token_hash: Buffer): Promise<string | null> {
    const row = await this.database.one<{ session_id: string }>(
      'select session_id from refresh_tokens where token_hash = $1 and used_at is not null',
      [token_hash],
    );
    return row?.session_id ?? null;
  }

  /** Whether there was anything to revoke. */
  async revoke(id: string): Promise<boolean> {
    const changed = await this.database.count(
      'update sessions set revoked_at = now() where id = $1 and revoked_at is null',
      [id],
    );
    return changed > 0;
  }

  async revokeAllOf(user_id: string): Promise<void> {
    await this.database.query('update sessions set revoked_at = now() where user_id = $1 and revoked_at is null', [
      user_id,
    ]);
  }

  /** Forgets sessions that could last have been used 30 days ago; first their refresh tokens, which are many. */
  async deleteEnded(limit: number): Promise<number> {
    const tokens = await this.database.count(
      `delete from refresh_tokens where id in (
         select r.id from sessions s join refresh_tokens r on r.session_id = s.id
         where s.expires_at < now() - interval '30 days' limit $1)`,
      [limit],
    );
    const sessions = await this.database.count(
      `delete from sessions where id in (
         select s.id from sessions s
         where s.expires_at < now() - interval '30 days'
           and not exists (select from refresh_tokens r where r.session_id = s.id)
         order by s.expires_at limit $1)`,
      [limit],
    );
    return Math.max(tokens, sessions);
  }

  /** Writes down that they were used, where that has not been done within the last minute. */
  async touch(ids: readonly string[]): Promise<void> {
    await this.database.query(
      `update sessions set last_used_at = now() where id in (
         select id from sessions where id = any($1::uuid[]) and last_used_at < now() - interval '1 minute'
         for no key update skip locked)`,
      [ids],
    );
  }
}
