import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { AuthConfig } from '../config/auth.config.js';
import { Database } from '../database/database.js';
import { currentOrigin } from '../http/origin.js';
import { newId } from '../ids.js';
import type { AccessClaims } from './access-tokens.service.js';
import { InvalidToken, NotAMember, SessionEnded } from './auth.errors.js';
import { hashOfSecret, isRefreshToken, newRefreshToken } from './keys.js';
import { Lookup } from '../database/lookup.js';
import { permissionsOf } from './permissions.js';
import type { UserPrincipal } from './principal.js';
import type { Session } from './session.entity.js';
import { SessionsStore, type LiveSession, type RenewedSession } from './sessions.store.js';
import { LastUse } from './last-use.js';

/** A session with the refresh token that continues it. */
export type ContinuedSession = RenewedSession & { refresh_token: string };

/** How a session began. */
export type Begun = Pick<Session, 'origin'>;

/** Sessions of people: begun, continued, recognized and ended. */
@Injectable()
export class SessionsService {
  private readonly logger = new Logger(SessionsService.name);
  private readonly lookup: Lookup<LiveSession>;
  private readonly lastUse: LastUse;

  constructor(
    private readonly store: SessionsStore,
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly config: AuthConfig,
  ) {
    this.lookup = new Lookup((ids) => this.findAndTouch(ids));
    this.lastUse = new LastUse((ids) => this.store.touch(ids));
  }

  /** Begins a session on the device that the request under way comes from. */
  async begin(session: Pick<Session, 'user_id' | 'organization_id' | 'origin'>): Promise<ContinuedSession> {
    const id = newId();
    const { refresh_token, row } = this.newRefreshToken();
    const { ip, user_agent } = currentOrigin();
    const lifetime = this.config.session_lifetime;
    await this.store.insert({ ...session, id, ip, user_agent, lifetime }, row);
    const { user_id, organization_id } = session;
    return { id, user_id, organization_id, expires_in: Math.min(row.life, lifetime), refresh_token };
  }

  /**
   * Begins a session beside another one of the same person, of the same origin, in an organization they belong to. Null
   * when that session has ended or they do not belong there.
   */
  async beginBeside(session_id: string, organization_id: string): Promise<(ContinuedSession & Begun) | null> {
    const member = await this.store.findMember(session_id, organization_id);
    if (member === null) return null;
    return { ...(await this.begin({ ...member, organization_id })), origin: member.origin };
  }

  /**
   * Exchanges a refresh token for the next one. A token that comes a second time has been copied by somebody, so its
   * session ends (RFC 9700 §4.14.2). Throws InvalidToken or SessionEnded.
   */
  async refresh(refresh_token: string): Promise<ContinuedSession> {
    if (!isRefreshToken(refresh_token)) throw new InvalidToken('This is not a refresh token.');
    const token_hash = hashOfSecret(refresh_token);
    const next = this.newRefreshToken();
    const session = await this.store.rotate(token_hash, next.row, currentOrigin());
    if (session !== null) return { ...session, refresh_token: next.refresh_token };
    const session_id = await this.store.findSessionOfUsedToken(token_hash);
    if (session_id === null) throw new InvalidToken('The refresh token is unknown or has expired.');
    await this.endReused(session_id);
    throw new SessionEnded();
  }

  /**
   * Lets the session act in another organization of the person. Its unused refresh tokens count as used from here on, so
   * that there is one way to continue it and no second. To be called in a transaction. Throws SessionEnded or NotAMember.
   */
  async switchOrganization(person: UserPrincipal, organization_id: string): Promise<ContinuedSession> {
    const { session_id: id, id: user_id } = person;
    if (!(await this.store.lock(id, user_id))) throw new SessionEnded();
    const { refresh_token, row } = this.newRefreshToken();
    const session = await this.store.switchTo({ id, user_id, organization_id }, row, currentOrigin());
    if (session === null) throw new NotAMember();
    return { ...session, refresh_token };
  }

  /** Who is behind an access token. Throws InvalidToken or SessionEnded. Read anew for each request. */
  async identify(claims: AccessClaims): Promise<UserPrincipal> {
    const session = await this.findLive(claims.sid);
    if (session.user_id !== claims.sub || session.organization_id !== claims.org) throw new InvalidToken();
    return principalOf(session);
  }

  /** Who holds an unused refresh token of a live session; it stays unused. Throws InvalidToken or SessionEnded. */
  async identifyHolder(refresh_token: string): Promise<UserPrincipal> {
    if (!isRefreshToken(refresh_token)) throw new InvalidToken('This is not a refresh token.');
    const id = await this.findContinued(refresh_token);
    if (id === null) throw new SessionEnded();
    return principalOf(await this.findLive(id));
  }

  /** The session that an unused refresh token would continue, or null. */
  async findContinued(refresh_token: string): Promise<string | null> {
    return this.store.findSessionOfUnusedToken(hashOfSecret(refresh_token));
  }

  /** Its access and refresh tokens are refused from the next request on. */
  async end(id: string): Promise<void> {
    await this.store.revoke(id);
  }

  async endAllOf(user_id: string): Promise<void> {
    await this.store.revokeAllOf(user_id);
  }

  /** Forgets sessions that have ended long ago, at most `limit`; gives how many rows the larger step took. */
  deleteEnded(limit: number): Promise<number> {
    return this.store.deleteEnded(limit);
  }

  /** Ends what mock login gave a person whom GitHub now vouches for. */
  async endMockSessionsOf(user_id: string): Promise<void> {
    await this.store.revokeMockSessionsOf(user_id);
  }

  /** Throws SessionEnded, also for what mock login has begun where it is not on any more. */
  private async findLive(id: string): Promise<LiveSession> {
    const session = await this.lookup.find(id);
    if (session === null || (session.origin === 'mock' && !this.config.mock_login)) throw new SessionEnded();
    return session;
  }

  private async endReused(session_id: string): Promise<void> {
    const ended = await this.database.transaction(async () => {
      const session = await this.store.revokeReused(session_id);
      if (session === null) return false;
      const { user_id, organization_id, login } = session;
      await this.audit.record({
        organization_id,
        actor: { type: 'user', id: user_id, login, trigger: null },
        action: 'auth.refresh_reused',
        subject: { user_id, session_id },
      });
      return true;
    });
    if (ended) this.logger.warn({ session_id }, 'a refresh token was used twice; its session was ended');
  }

  private newRefreshToken() {
    const refresh_token = newRefreshToken();
    const row = { id: newId(), token_hash: hashOfSecret(refresh_token), life: this.config.refresh_expiration };
    return { refresh_token, row };
  }

  private async findAndTouch(ids: readonly string[]): Promise<ReadonlyMap<string, LiveSession>> {
    const found = await this.store.findLive(ids);
    const used = [...found.values()].filter((session) => session.is_stale).map((session) => session.id);
    this.lastUse.note(used);
    return found;
  }
}

function principalOf(session: LiveSession): UserPrincipal {
  const { user_id, organization_id, login, role, origin, is_administrator } = session;
  return {
    kind: 'user',
    id: user_id,
    organization_id,
    session_id: session.id,
    origin,
    is_administrator,
    role,
    login,
    permissions: permissionsOf(role),
    actor: { type: 'user', id: user_id, login, trigger: null },
  };
}
