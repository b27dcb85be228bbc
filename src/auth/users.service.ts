import { Injectable } from '@nestjs/common';
import { GithubConfig } from '../config/github.config.js';
import { newId } from '../ids.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { KnownThroughGithub, SignUpClosed } from './auth.errors.js';
import { SessionsService } from './sessions.service.js';
import type { User } from './user.entity.js';
import { UsersStore, type GithubProfile, type MockProfile } from './users.store.js';

/** People: found by GitHub id alone, admitted by SIGN_UP, and one of them administers the instance. */
@Injectable()
export class UsersService {
  constructor(
    private readonly store: UsersStore,
    private readonly organizations: OrganizationsService,
    private readonly sessions: SessionsService,
    private readonly config: GithubConfig,
  ) {}

  async find(id: string): Promise<User | null> {
    return this.store.find(id);
  }

  async isKnown(github_id: string): Promise<boolean> {
    return (await this.store.findByGithubId(github_id)) !== null;
  }

  /**
   * Adds the person or refreshes their profile, in the transaction of their sign-in without GitHub; the very first one
   * administers the instance. Throws KnownThroughGithub, and SignUpClosed for somebody new.
   */
  async saveMock(profile: MockProfile): Promise<User> {
    let is_administrator = false;
    if (!(await this.isKnown(profile.github_id))) {
      // Two who come first at once would both be the first.
      await this.store.lockFirstSignIns();
      is_administrator = await this.store.isEmpty();
      if (!(await this.isKnown(profile.github_id))) await this.admit(profile.login, is_administrator, false);
    }
    const user = await this.store.saveMock(newId(), { ...profile, is_administrator });
    if (user === null) throw new KnownThroughGithub();
    return user;
  }

  /**
   * Adds the person or refreshes their profile, in the transaction of their sign-in through GitHub. `vouched` is whether
   * the GitHub organization of SIGN_UP has them. At their first one the sessions that mock login gave end, and the
   * first person whom GitHub vouches for administers the instance. Throws SignUpClosed for somebody new.
   */
  async saveGithub(profile: GithubProfile, vouched: boolean): Promise<User> {
    let is_first = false;
    let known = await this.store.findByGithubId(profile.github_id);
    if (!known?.github_login_at) {
      await this.store.lockFirstSignIns();
      known = await this.store.findByGithubId(profile.github_id);
      is_first = await this.store.isEmptyOfGithub();
      if (known === null) await this.admit(profile.login, is_first, vouched);
    }
    await this.store.releaseLogin(profile.login, profile.github_id);
    const user = await this.store.saveGithub(newId(), { ...profile, is_administrator: is_first });
    // Behind the statement that locks the person: no mock login of theirs is under way any more.
    await this.sessions.endMockSessionsOf(user.id);
    return user;
  }

  /** Throws SignUpClosed unless SIGN_UP lets somebody in who has never been here. */
  private async admit(login: string, is_first: boolean, vouched: boolean): Promise<void> {
    const admitted = await this.isAdmitted(login, is_first, vouched);
    if (!admitted) throw new SignUpClosed();
  }

  private async isAdmitted(login: string, is_first: boolean, vouched: boolean): Promise<boolean> {
    if (this.config.sign_up === 'open') return true;
    if (this.config.sign_up === 'invited') return is_first || (await this.organizations.hasInvitation(login));
    return vouched;
  }
}
