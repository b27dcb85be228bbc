import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
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

/** A session for its own person to recognize. */
export type SessionRow = Pick<
  Session,
  'id' | 'origin' | 'created_at' | 'last_used_at' | 'expires_at' | 'ends_at' | 'user_agent' | 'ip'
> & { organization_id: string; organization_name: string; cursor_at: string };

const IS_LIVE = 's.revoked_at is null and s.expires_at > now() and s.ends_at > now()';

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
    const rows = await this.database.prepared<LiveSession>(
      `select s.id, s.user_id, s.organization_id, s.origin, u.login, u.is_administrator, m.role,
              s.last_used_at < now() - interval '1 minute' as is_stale
       from sessions s
       join users u on u.id = s.user_id
       join organization_members m on m.organization_id = s.organization_id and m.user_id = s.user_id
       where s.id = any($1::uuid[]) and ${IS_LIVE}`,
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
       where s.id = $1 and ${IS_LIVE}
       for share of s`,
      [id, organization_id],
    );
  }

  /**
   * Exchanges an unused refresh token for the next one, in one statement: of two that come with the same token only
   * one finds it unused. The session is locked before its tokens, here as in a switch of the organization. Null when the
   * token is used, expired, unknown or of a session that has ended.
   */
  async rotate(
    token_hash: Buffer,
    next: NewRefreshToken,
    device: Pick<Session, 'ip' | 'user_agent'>,
  ): Promise<RenewedSession | null> {
    return this.database.one(
      `with locked as (
         select s.id from refresh_tokens r join sessions s on s.id = r.session_id where r.token_hash = $1
         for no key update of s),
       used as (
         update refresh_tokens r set used_at = now() from locked
         where r.token_hash = $1 and r.session_id = locked.id and r.used_at is null and r.expires_at > now()
         returning r.session_id),
       renewed as (
         update sessions s set last_used_at = now(), ip = coalesce($5, ip), user_agent = coalesce($6, user_agent),
           expires_at = least(now() + make_interval(secs => $4), ends_at)
         from used where s.id = used.session_id and ${IS_LIVE}
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

  /** Locks a live session of the person until the transaction ends. Whether there is one. */
  async lock(id: string, user_id: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 as found from sessions s where s.id = $1 and s.user_id = $2 and ${IS_LIVE} for no key update`,
      [id, user_id],
    );
    return row !== null;
  }

  /**
   * Lets a locked session act in another organization and replaces its unused refresh tokens by a new one. Null, with
   * the transaction to be undone, when the person is not a member there.
   */
  async switchTo(
    { id, user_id, organization_id }: Pick<Session, 'id' | 'user_id' | 'organization_id'>,
    next: NewRefreshToken,
    device: Pick<Session, 'ip' | 'user_agent'>,
  ): Promise<RenewedSession | null> {
    return this.database.one(
      `with used as (
         update refresh_tokens set used_at = now() where session_id = $1 and used_at is null),
       switched as (
         update sessions s set organization_id = m.organization_id, last_used_at = now(), ip = coalesce($7, ip),
           user_agent = coalesce($8, user_agent), expires_at = least(now() + make_interval(secs => $6), ends_at)
         from organization_members m
         where s.id = $1 and s.user_id = $2 and m.user_id = s.user_id and m.organization_id = $3
         returning s.id, s.user_id, s.organization_id, s.expires_at),
       added as (
         insert into refresh_tokens (id, session_id, token_hash, expires_at)
         select $4, id, $5, expires_at from switched)
       select id, user_id, organization_id, floor(extract(epoch from expires_at - now()))::integer as expires_in
       from switched`,
      [id, user_id, organization_id, next.id, next.token_hash, next.life, device.ip, device.user_agent],
    );
  }

  /** Those of the person that their tokens are taken from, newest first. */
  async listLiveOf(user_id: string, after: Position | null, limit: number): Promise<SessionRow[]> {
    return this.database.query(
      `select s.id, s.origin, s.created_at, s.last_used_at, s.expires_at, s.ends_at, s.user_agent, s.ip,
              o.id as organization_id, o.name as organization_name, ${cursorTime('s.created_at')} as cursor_at
       from sessions s
       join organization_members m on m.organization_id = s.organization_id and m.user_id = s.user_id
       join organizations o on o.id = s.organization_id
       where s.user_id = $1 and ${IS_LIVE}
         and ($2::timestamptz is null or (s.created_at, s.id) < ($2, $3::uuid))
       order by s.created_at desc, s.id desc limit $4`,
      [user_id, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /** Ends a live session of the person. The organization it acted in, or null when there is no such session. */
  async revokeOf(user_id: string, id: string): Promise<Pick<Session, 'organization_id'> | null> {
    return this.database.one(
      `update sessions s set revoked_at = now() where s.id = $1 and s.user_id = $2 and ${IS_LIVE}
       returning organization_id`,
      [id, user_id],
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

  /** The session of a refresh token that could be exchanged now, or null. */
  async findSessionOfUnusedToken(token_hash: Buffer): Promise<string | null> {
    const row = await this.database.one<{ session_id: string }>(
      'select session_id from refresh_tokens where token_hash = $1 and used_at is null and expires_at > now()',
      [token_hash],
    );
    return row?.session_id ?? null;
  }

  /** Whose session it was, or null when it had ended before. */
  async revokeReused(id: string): Promise<Pick<LiveSession, 'user_id' | 'organization_id' | 'login'> | null> {
    return this.database.one(
      `update sessions s set revoked_at = now() from users u
       where s.id = $1 and s.revoked_at is null and u.id = s.user_id
       returning s.user_id, s.organization_id, u.login`,
      [id],
    );
  }

  async revokeMockSessionsOf(user_id: string): Promise<void> {
    await this.database.query(
      `update sessions set revoked_at = now() where user_id = $1 and origin = 'mock' and revoked_at is null`,
      [user_id],
    );
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

  /** Lets sessions of the person that act in the organization act in the personal one; null is everybody's. */
  async moveHome(organization_id: string, user_id: string | null): Promise<void> {
    await this.database.query(
      `update sessions s set organization_id = home.id from organizations home
       where s.organization_id = $1 and ($2::uuid is null or s.user_id = $2) and home.personal_for = s.user_id
         and s.revoked_at is null`,
      [organization_id, user_id],
    );
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
