import { ApiProperty } from '@nestjs/swagger';
import { ROLES, type Role } from '../auth/permissions.js';
import { Id, OneOf } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import type { MemberRow } from './members.service.js';
import { OrganizationPath } from './organizations.dto.js';

/** The address of one member. */
export class MemberPath extends OrganizationPath {
  /**
   * Id of the person.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  user_id!: string;
}

/** A change of a member. */
export class UpdateMemberDto {
  /**
   * What the member is to be; only owners make and demote owners.
   * @example admin
   */
  @OneOf(ROLES)
  role!: Role;
}

/** To whom the ownership goes. */
export class TransferOwnershipDto {
  /**
   * Id of another member.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  user_id!: string;
}

/** A person, as other members see them. */
export class MemberUserDto {
  /**
   * Id of the person.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * GitHub login.
   * @example ada
   */
  login!: string;

  /**
   * Name as shown to others; null when none is known.
   * @example Ada Lovelace
   */
  name!: string | null;

  /**
   * Address of a picture; null when none is known.
   * @example https://avatars.githubusercontent.com/u/1001
   */
  avatar_url!: string | null;
}

/** That a person belongs to an organization. */
export class MemberDto {
  /** The person. */
  user!: MemberUserDto;

  /**
   * What they are in the organization.
   * @example member
   */
  @ApiProperty({ enum: ROLES })
  role!: Role;

  /**
   * When they joined it.
   * @example 2026-01-31T12:00:00.000Z
   */
  joined_at!: Date;

  static from({ user_id: id, login, name, avatar_url, role, created_at }: MemberRow): MemberDto {
    return Object.assign(new MemberDto(), { user: { id, login, name, avatar_url }, role, joined_at: created_at });
  }
}

/** One page of members. */
export class MemberPage extends PageOf(MemberDto) {}
