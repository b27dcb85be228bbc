import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { AuthConfig } from '../config/auth.config.js';
import { Database } from '../database/database.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { AccessTokensService } from './access-tokens.service.js';
import { KnownThroughGithub, SessionEnded, SignUpClosed } from './auth.errors.js';
import { loginFrom } from './login.js';
import type { UserPrincipal } from './principal.js';
import type { Session } from './session.entity.js';
import { SessionsService, type ContinuedSession } from './sessions.service.js';
import type { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/** Both tokens of a session, and whose it is. */
export interface SignedIn {
  access_token: string;
  expires_in: number;
  refresh_token: string;
  refresh_expires_in: number;
  user: User;
}

/** What somebody has let a device do. */
export interface DeviceApproval {
  /** The session of who approved. */
  session_id: string;
  organization_id: string;
  /** What the program calls itself. */
  client_name: string;
}

/** Signing in, staying signed in, and signing out. */
@Injectable()
export class AuthService {
  private readonly logger = new Logger(AuthService.name);

  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly organizations: OrganizationsService,
    private readonly sessions: SessionsService,
    private readonly accessTokens: AccessTokensService,
    private readonly audit: AuditService,
    private readonly config: AuthConfig,
  ) {}

  /**
   * Signs in without GitHub. Throws KnownThroughGithub for a person who has ever signed in there, SignUpClosed for
   * somebody new whom SIGN_UP keeps out.
   */
  async mockLogin(profile: { github_id: string; email: string; name?: string }): Promise<SignedIn> {
    const { github_id, email, name = null } = profile;
    const login = loginFrom(email);
    try {
      return await this.signIn('mock', () => this.users.saveMock({ github_id, email, name, login }));
    } catch (error) {
      if (error instanceof SignUpClosed) await this.recordFailure('mock', 'sign_up_closed', { github_id, login });
      if (error instanceof KnownThroughGithub)
        await this.recordFailure('mock', 'known_through_github', { github_id, login });
      throw error;
    }
  }

  /**
   * Begins a session of whoever `save` gives, and makes their personal organization at their first sign-in. `save` runs
   * in the transaction of the sign-in and must lock the row of the person, so that two first logins make one organization.
   */
  async signIn(origin: Session['origin'], save: () => Promise<User>): Promise<SignedIn> {
    const { user, session, organization, created } = await this.database.transaction(async () => {
      const user = await save();
      const { organization, created } = await this.organizations.ensurePersonal(user);
      const organization_id = organization.id;
      const session = await this.sessions.begin({ user_id: user.id, organization_id, origin });
      await this.recordSignIn(user, session, { origin });
      return { user, session, organization, created };
    });
    this.logger.debug({ user_id: user.id, session_id: session.id, origin, first_login: created }, 'signed in');
    if (created) await this.organizations.announceCreated({ id: organization.id, created_by: user.id });
    return this.signedIn(user, session);
  }

  /**
   * Begins a session for a device, on the word of somebody with a live session, in an organization they belong to; null
   * when that session has ended or they do not belong there any more. To be called in a transaction.
   */
  async signInDevice(approval: DeviceApproval): Promise<SignedIn | null> {
    const session = await this.sessions.beginBeside(approval.session_id, approval.organization_id);
    if (session === null) return null;
    const user = await this.person(session.user_id);
    await this.recordSignIn(user, session, { origin: session.origin, client_name: approval.client_name });
    return this.signedIn(user, session);
  }

  /** Notes a sign-in that came to nothing in the log of the instance; `who` is null when nobody knows. */
  async recordFailure(
    origin: Session['origin'],
    cause: string,
    who: { github_id: string; login: string } | null,
  ): Promise<void> {
    await this.audit.record({
      organization_id: null,
      actor: { type: 'github', id: who?.github_id ?? null, login: who?.login ?? null, trigger: null },
      action: 'auth.sign_in_failed',
      subject: {},
      data: { origin, cause },
    });
  }

  /** Throws InvalidToken or SessionEnded. */
  async refresh(refresh_token: string): Promise<SignedIn> {
    const session = await this.sessions.refresh(refresh_token);
    return this.signedIn(await this.person(session.user_id), session);
  }

  /** Whether the refresh token is what the session of the person goes on with. */
  async isContinuedBy(person: UserPrincipal, refresh_token: string): Promise<boolean> {
    return (await this.sessions.findContinued(refresh_token)) === person.session_id;
  }

  /** Continues the session in another organization of the person. Throws SessionEnded or NotAMember. */
  async switchOrganization(person: UserPrincipal, organization_id: string): Promise<SignedIn> {
    const session = await this.database.transaction(async () => {
      const session = await this.sessions.switchOrganization(person, organization_id);
      await this.audit.record({
        organization_id,
        actor: person.actor,
        action: 'auth.organization_switched',
        subject: { user_id: person.id, session_id: session.id, organization_id },
      });
      return session;
    });
    return this.signedIn(await this.person(person.id), session);
  }

  /** Ends the session, or every one of the person. */
  async logout(person: UserPrincipal, everywhere: boolean): Promise<void> {
    await this.database.transaction(async () => {
      await (everywhere ? this.sessions.endAllOf(person.id) : this.sessions.end(person.session_id));
      await this.audit.record({
        organization_id: person.organization_id,
        actor: person.actor,
        action: 'auth.signed_out',
        subject: { user_id: person.id, session_id: person.session_id },
        data: { everywhere },
      });
    });
  }

  /** The person and the organization their token acts in. */
  async me(person: UserPrincipal) {
    const [user, organization] = await Promise.all([
      this.person(person.id),
      this.organizations.get(person, person.organization_id),
    ]);
    return { user, organization };
  }

  private async recordSignIn(user: User, session: ContinuedSession, data: Record<string, unknown>): Promise<void> {
    await this.audit.record({
      organization_id: session.organization_id,
      actor: { type: 'user', id: user.id, login: user.login, trigger: null },
      action: 'auth.signed_in',
      subject: { user_id: user.id, session_id: session.id },
      data,
    });
  }

  private async person(id: string): Promise<User> {
    const user = await this.users.find(id);
    if (user === null) throw new SessionEnded();
    return user;
  }

  private signedIn(user: User, session: ContinuedSession): SignedIn {
    const { id: sid, organization_id: org, refresh_token, expires_in } = session;
    return {
      access_token: this.accessTokens.sign({ sub: user.id, sid, org }),
      expires_in: this.config.jwt_expiration,
      refresh_token,
      refresh_expires_in: expires_in,
      user,
    };
  }
}
