import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { AuthService, type SignedIn } from '../auth/auth.service.js';
import { hashOfSecret } from '../auth/keys.js';
import type { UserPrincipal } from '../auth/principal.js';
import { AuthConfig } from '../config/auth.config.js';
import { Database } from '../database/database.js';
import { currentOrigin } from '../http/origin.js';
import { ServerAddress } from '../http/server-address.js';
import { newId } from '../ids.js';
import { LimitsService } from '../limits/limits.service.js';
import { hashOfUserCode, newDeviceCode, newUserCode, readUserCode, shownUserCode } from './device-codes.js';
import type { DeviceGrant } from './device-grant.entity.js';
import { DeviceGrantsStore, type Poll } from './device-grants.store.js';
import {
  AccessDenied,
  AuthorizationPending,
  DeviceAlreadyAnswered,
  ExpiredDeviceCode,
  InvalidDeviceCode,
  SlowDown,
  UnknownUserCode,
} from './device-sign-in.errors.js';

const LIFE_SECONDS = 900;
const INTERVAL_SECONDS = 5;
/** What asking too soon adds to the interval (RFC 8628 §3.5). */
const PENALTY_SECONDS = 5;
const UNNAMED = 'Unnamed device';
/** With these a name could look like another one on the page, or turn around what stands beside it. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** What a device begins with. */
export interface BegunDevice {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

/** Signs in devices without a browser: they show a code, and somebody who is signed in approves it (RFC 8628). */
@Injectable()
export class DeviceSignInService {
  constructor(
    private readonly database: Database,
    private readonly store: DeviceGrantsStore,
    private readonly auth: AuthService,
    private readonly limits: LimitsService,
    private readonly audit: AuditService,
    private readonly server: ServerAddress,
    private readonly config: AuthConfig,
  ) {}

  async begin(called = ''): Promise<BegunDevice> {
    const client_name = called.replace(INVISIBLE, '').trim() || UNNAMED;
    const device_code = newDeviceCode();
    const { ip, user_agent } = currentOrigin();
    const grant = {
      ...{ id: newId(), device_code_hash: hashOfSecret(device_code), client_name, ip, user_agent },
      ...{ interval_seconds: INTERVAL_SECONDS, life: LIFE_SECONDS },
    };
    let code = newUserCode();
    while (!(await this.store.insert({ ...grant, user_code_hash: this.hashOf(code) }))) code = newUserCode();
    const user_code = shownUserCode(code);
    const verification_uri = `${this.server.url}/device`;
    const verification_uri_complete = `${verification_uri}?user_code=${user_code}`;
    const times = { expires_in: LIFE_SECONDS, interval: INTERVAL_SECONDS };
    return { device_code, user_code, verification_uri, verification_uri_complete, ...times };
  }

  /** The tokens of a device that was approved, once. Throws what keeps it from getting them. */
  async exchange(device_code: string): Promise<SignedIn> {
    const hash = hashOfSecret(device_code);
    assertApproved(await this.store.poll(hash, PENALTY_SECONDS));
    // Refusals are thrown behind the commit, which must keep them.
    const outcome = await this.database.transaction(async () => {
      const approval = await this.store.take(hash);
      if (approval === null) return 'taken';
      const signedIn = await this.auth.signInDevice(approval);
      if (signedIn === null) await this.store.deny(hash);
      return signedIn;
    });
    if (outcome === 'taken') throw new InvalidDeviceCode();
    if (outcome === null)
      throw new AccessDenied('The person who approved has signed out or left the organization in the meantime.');
    return outcome;
  }

  /** What somebody is about to approve. Throws UnknownUserCode. */
  async lookUp(person: UserPrincipal, typed: string): Promise<DeviceGrant> {
    const code = readUserCode(typed);
    const grant = code === null ? null : await this.store.find(this.hashOf(code), person.id);
    if (grant === null) throw new UnknownUserCode();
    await this.limits.forgive('device-code', person.id);
    return grant;
  }

  /**
   * Approves or denies the device with the code, for the organization that the person works in. Throws UnknownUserCode
   * or DeviceAlreadyAnswered.
   */
  async answer(person: UserPrincipal, typed: string, approve: boolean): Promise<DeviceGrant> {
    const code = readUserCode(typed);
    if (code === null) throw new UnknownUserCode();
    const { id: user_id, organization_id, session_id } = person;
    const answered = await this.database.transaction(async () => {
      const status = approve ? 'approved' : 'denied';
      const grant = await this.store.answer(this.hashOf(code), { status, user_id, organization_id, session_id });
      if (grant === null) return null;
      await this.audit.record({
        organization_id,
        actor: person.actor,
        action: approve ? 'auth.device_approved' : 'auth.device_denied',
        subject: { user_id },
        data: { client_name: grant.client_name, device_ip: grant.ip },
      });
      return grant;
    });
    if (answered === null) {
      await this.lookUp(person, typed);
      throw new DeviceAlreadyAnswered();
    }
    await this.limits.forgive('device-code', person.id);
    return answered;
  }

  private hashOf(user_code: string): Buffer {
    return hashOfUserCode(user_code, this.config.jwt_secret);
  }
}

/** Throws unless the device may have its tokens now. */
function assertApproved(poll: Poll | null): void {
  if (poll === null || poll.status === 'used') throw new InvalidDeviceCode();
  if (poll.status === 'denied') throw new AccessDenied('Somebody has denied the device.');
  if (poll.expired) throw new ExpiredDeviceCode();
  if (poll.status === 'approved') return;
  throw poll.too_soon ? new SlowDown(poll.interval_seconds) : new AuthorizationPending();
}
