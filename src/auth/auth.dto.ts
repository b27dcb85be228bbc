import { ApiProperty } from '@nestjs/swagger';
import { Email, Flag, Id, Optional, Pattern, Text } from '../http/fields.js';
import { OrganizationDto } from '../organizations/organizations.dto.js';
import type { SignedIn } from './auth.service.js';
import { GithubId } from './github-id.js';
import { PERMISSIONS, ROLES, type Permission, type Role } from './permissions.js';
import type { User } from './user.entity.js';

/** Who signs in without GitHub. */
export class MockLoginDto {
  /**
   * GitHub id of the person, a number or a string of digits; beyond 2^53 - 1 only the string is exact.
   * @example 1
   */
  @GithubId()
  github_id!: string;

  /**
   * E-mail address; the login is made of what stands before the `@`.
   * @example ada@example.com
   */
  @Email()
  email!: string;

  /**
   * Name as shown to others. Absent, an earlier one is kept.
   * @example Ada Lovelace
   */
  @Optional()
  @Text({ min: 1, max: 255 })
  name?: string;
}

/** A refresh token to be exchanged. */
export class RefreshDto {
  /**
   * `refresh_token` of the latest sign-in or refresh. Each works once; a second use ends the session. Absent, that of
   * the cookie is used.
   * @example myr_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
   */
  @Optional()
  @Pattern(/^\S+$/, 'a refresh token', 2048)
  refresh_token?: string;
}

/** How far a logout reaches. */
export class LogoutDto {
  /**
   * Whether to end every session of the person rather than this one.
   * @example false
   */
  @Optional()
  @Flag()
  everywhere?: boolean;
}

/** A person. */
export class UserDto {
  /**
   * Id of the person here.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * GitHub id as a string of digits.
   * @example "1001"
   */
  github_id!: string;

  /**
   * GitHub login.
   * @example ada
   */
  login!: string;

  /**
   * E-mail address; null when none is known.
   * @example ada@example.com
   */
  email!: string | null;

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

  /**
   * When the person first signed in.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  static from({ id, github_id, login, email, name, avatar_url, created_at }: User): UserDto {
    return Object.assign(new UserDto(), { id, github_id, login, email, name, avatar_url, created_at });
  }
}

/** What a sign-in gives. */
export class TokenPairDto {
  /**
   * For the header `Authorization: Bearer`.
   * @example eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIwMTljIn0.c2lnbmF0dXJl
   */
  access_token!: string;

  /**
   * Always `Bearer`.
   * @example Bearer
   */
  @ApiProperty({ enum: ['Bearer'] })
  token_type!: 'Bearer';

  /**
   * Life of the access token in seconds.
   * @example 3600
   */
  @ApiProperty({ type: 'integer' })
  expires_in!: number;

  /**
   * For `POST /auth/refresh`, once; null when it went into the cookie of a browser.
   * @example myr_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
   */
  refresh_token!: string | null;

  /**
   * Life of the refresh token in seconds.
   * @example 604800
   */
  @ApiProperty({ type: 'integer' })
  refresh_expires_in!: number;

  /** The person who signed in. */
  user!: UserDto;

  static from({
    user,
    ...tokens
  }: Omit<SignedIn, 'refresh_token'> & Pick<TokenPairDto, 'refresh_token'>): TokenPairDto {
    return Object.assign(new TokenPairDto(), { ...tokens, token_type: 'Bearer', user: UserDto.from(user) });
  }
}

/** The caller, and what they may do here. */
export class MeDto {
  /** The person. */
  user!: UserDto;

  /**
   * Whether the person administers the instance.
   * @example false
   */
  is_administrator!: boolean;

  /** The organization the access token acts in. */
  organization!: OrganizationDto;

  /**
   * What the person is in that organization.
   * @example owner
   */
  @ApiProperty({ enum: ROLES })
  role!: Role;

  /**
   * What the role allows, as `resource.action`.
   * @example ["tasks.read", "tasks.create"]
   */
  @ApiProperty({ enum: PERMISSIONS, isArray: true })
  permissions!: Permission[];
}
