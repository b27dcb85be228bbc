import { ApiProperty } from '@nestjs/swagger';
import { ROLES, type Role } from '../auth/permissions.js';
import { AnyOf, Id, OneOf, Optional, Pattern } from '../http/fields.js';
import { PageOf, PageQuery } from '../http/page.js';
import { INVITATION_STATUSES, type InvitationStatus } from './invitation.entity.js';
import type { InvitationRow } from './invitations.service.js';
import { MemberDto } from './members.dto.js';
import type { MemberRow } from './members.service.js';
import { OrganizationPath } from './organizations.dto.js';

const LOGIN = /^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$/;
const MAX_LOGIN = 39;

/** The address of one invitation of an organization. */
export class InvitationPath extends OrganizationPath {
  /**
   * Id of the invitation.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  invitation_id!: string;
}

/** The address of one invitation of the caller. */
export class OwnInvitationPath {
  /**
   * Id of the invitation.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;
}

/** Whom to invite. */
export class InviteDto {
  /**
   * GitHub login, compared without regard to case. The person need not have signed in here before.
   * @example ada
   */
  @Pattern(LOGIN, 'a GitHub login: letters and digits, with single hyphens between them', MAX_LOGIN)
  login!: string;

  /**
   * What they are to be; only owners invite owners.
   * @example member
   */
  @OneOf(ROLES)
  role!: Role;
}

/** Which invitations to list. */
export class InvitationsQuery extends PageQuery {
  /**
   * Only those in these states; all when absent.
   * @example ["pending"]
   */
  @Optional()
  @AnyOf(INVITATION_STATUSES)
  status?: InvitationStatus[];
}

/** An organization, as those see it who are asked to join. */
export class InvitingOrganizationDto {
  /**
   * Id of the organization.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Name of the organization.
   * @example "Analytical Engines"
   */
  name!: string;
}

/** That somebody may join an organization. */
export class InvitationDto {
  /**
   * Id of the invitation.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /** The organization. */
  organization!: InvitingOrganizationDto;

  /**
   * GitHub login of the invited, as it was written.
   * @example ada
   */
  login!: string;

  /**
   * What they become when they accept.
   * @example member
   */
  @ApiProperty({ enum: ROLES })
  role!: Role;

  /**
   * `pending` until it is answered, revoked or expired.
   * @example pending
   */
  @ApiProperty({ enum: INVITATION_STATUSES })
  status!: InvitationStatus;

  /**
   * GitHub login of who invited; null when that was a program.
   * @example grace
   */
  invited_by!: string | null;

  /**
   * When it was made.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  /**
   * From when on it cannot be accepted any more: seven days after it was made.
   * @example 2026-02-07T12:00:00.000Z
   */
  expires_at!: Date;

  static from({ id, login, role, status, invited_by, created_at, expires_at, ...row }: InvitationRow): InvitationDto {
    const organization = { id: row.organization_id, name: row.organization_name };
    const fields = { id, organization, login, role, status, invited_by, created_at, expires_at };
    return Object.assign(new InvitationDto(), fields);
  }
}

/** One page of invitations. */
export class InvitationPage extends PageOf(InvitationDto) {}

/** That the caller belongs to an organization. */
export class MembershipDto extends MemberDto {
  /** The organization. */
  organization!: InvitingOrganizationDto;

  static of({ invitation, member }: { invitation: InvitationRow; member: MemberRow }): MembershipDto {
    const organization = { id: invitation.organization_id, name: invitation.organization_name };
    return Object.assign(new MembershipDto(), MemberDto.from(member), { organization });
  }
}
