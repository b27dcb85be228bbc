import { ApiProperty } from '@nestjs/swagger';
import { ActorDto } from '../auth/actor.dto.js';
import { AnyOf, Id, Instant, OneOf, Optional, Pattern } from '../http/fields.js';
import { PageOf, PageQuery } from '../http/page.js';
import { AUDIT_ACTIONS, AUDIT_SCOPES, type AuditAction, type AuditScope, type AuditSubject } from './audit-actions.js';
import type { AuditListInput, AuditRow } from './audit.service.js';

/** Which entries to read. */
export class AuditQuery extends PageQuery implements AuditListInput {
  /**
   * Only what this caller did: the id of a person, key, worker or execution, or a login as it was at that time.
   * @example ada
   */
  @Optional()
  @Pattern(/^\S+$/, 'the id or the login of an actor')
  actor?: string;

  /**
   * Only these actions; repeatable.
   * @example ["key.created"]
   */
  @Optional()
  @AnyOf(AUDIT_ACTIONS)
  action?: AuditAction[];

  /**
   * Only what is about this: any id of the subject.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  subject?: string;

  /**
   * Only what happened after this time.
   * @example 2026-01-31T12:00:00Z
   */
  @Optional()
  @Instant()
  after?: string;

  /**
   * Only what happened before this time.
   * @example 2026-02-01T12:00:00Z
   */
  @Optional()
  @Instant()
  before?: string;

  /**
   * Whose log to read: that of the organization, or that of the instance, which only its administrator may.
   * @example organization
   */
  @Optional()
  @OneOf(AUDIT_SCOPES)
  @ApiProperty({ default: 'organization' })
  scope?: AuditScope;
}

/** That somebody did something. */
export class AuditEntryDto {
  /**
   * Id of the entry.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /** Who did it. */
  actor!: ActorDto;

  /**
   * What was done.
   * @example key.created
   */
  @ApiProperty({ enum: AUDIT_ACTIONS })
  action!: AuditAction;

  /**
   * Ids of what it is about, by the names of their fields.
   * @example {"key_id": "019c1234-5678-7abc-8def-0123456789ab"}
   */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  subject!: AuditSubject;

  /**
   * What else is to be said, by action.
   * @example {"name": "Nightly build"}
   */
  @ApiProperty({ type: 'object', additionalProperties: true })
  data!: Record<string, unknown>;

  /**
   * Address the request came from; null for what the system did by itself.
   * @example 203.0.113.7
   */
  ip!: string | null;

  /**
   * What the program called itself; null when it did not.
   * @example curl/8.5.0
   */
  user_agent!: string | null;

  /**
   * `X-Request-Id` of the request, which the server's log has too; null for what the system did by itself.
   * @example 0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f
   */
  request_id!: string | null;

  /**
   * When it was done.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  static from(entry: AuditRow): AuditEntryDto {
    const { id, actor, action, subject, data, ip, user_agent, request_id, created_at } = entry;
    return Object.assign(new AuditEntryDto(), {
      id,
      actor,
      action,
      subject,
      data,
      ip,
      user_agent,
      request_id,
      created_at,
    });
  }
}

/** One page of the audit log. */
export class AuditEntryPage extends PageOf(AuditEntryDto) {}
