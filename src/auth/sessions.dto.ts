import { ApiProperty } from '@nestjs/swagger';
import { Id } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import type { SessionRow } from './own-sessions.service.js';

/** Where to go on. */
export class SwitchOrganizationDto {
  /**
   * Id of an organization the caller is a member of.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  organization_id!: string;
}

/** The organization that a session acts in. */
export class SessionOrganizationDto {
  /**
   * Id of the organization.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Name of the organization.
   * @example ada
   */
  name!: string;
}

/** One sign-in, on one device. */
export class SessionDto {
  /**
   * Id of the session.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Whether it is the one of this request.
   * @example true
   */
  current!: boolean;

  /**
   * How it began: through GitHub, or without it in development.
   * @example github
   */
  @ApiProperty({ enum: ['github', 'mock'] })
  origin!: SessionRow['origin'];

  /** The organization its tokens act in. */
  organization!: SessionOrganizationDto;

  /**
   * When it began.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  /**
   * When its tokens were last used, within a minute.
   * @example 2026-01-31T12:30:00.000Z
   */
  last_used_at!: Date;

  /**
   * When it ends unless it is refreshed.
   * @example 2026-02-07T12:00:00.000Z
   */
  expires_at!: Date;

  /**
   * When it ends, however often it is refreshed.
   * @example 2026-03-02T12:00:00.000Z
   */
  ends_at!: Date;

  /**
   * What the program called itself at sign-in or the latest refresh; null when it did not.
   * @example curl/8.5.0
   */
  user_agent!: string | null;

  /**
   * Address it came from at sign-in or the latest refresh; null when it is not known.
   * @example 203.0.113.7
   */
  ip!: string | null;

  static from(session: SessionRow, current_id: string): SessionDto {
    const { id, origin, organization_id, organization_name, created_at, last_used_at } = session;
    const { expires_at, ends_at, user_agent, ip } = session;
    return Object.assign(new SessionDto(), {
      id,
      current: id === current_id,
      origin,
      organization: { id: organization_id, name: organization_name },
      created_at,
      last_used_at,
      expires_at,
      ends_at,
      user_agent,
      ip,
    });
  }
}

/** One page of sessions. */
export class SessionPage extends PageOf(SessionDto) {}
