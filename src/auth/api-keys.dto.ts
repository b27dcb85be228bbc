import { ApiProperty } from '@nestjs/swagger';
import { Id, Instant, Optional, SomeOf, Text } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import type { ApiKeyInput, ApiKeyRow } from './api-keys.service.js';
import { PERMISSIONS, type Permission } from './permissions.js';

/** What a new key is made of. */
export class CreateApiKeyDto implements ApiKeyInput {
  /**
   * What the key is for, in 1 to 100 characters.
   * @example "Nightly build"
   */
  @Text({ min: 1, max: 100 })
  name!: string;

  /**
   * What the key may do, as `resource.action`: some of what its maker may do.
   * @example ["tasks.read", "tasks.create"]
   */
  @SomeOf(PERMISSIONS)
  permissions!: Permission[];

  /**
   * When it stops working, at most 10 years from now; never when absent.
   * @example 2027-01-31T12:00:00Z
   */
  @Optional()
  @Instant()
  expires_at?: string;
}

/** The person who made a key. */
export class KeyMakerDto {
  /**
   * Id of the person.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * GitHub login of the person.
   * @example ada
   */
  login!: string;
}

/** A key of a program, without its secret. */
export class ApiKeyDto {
  /**
   * Id of the key; the actor's id in what it does.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * What the key is for.
   * @example "Nightly build"
   */
  name!: string;

  /**
   * The first 8 characters of the key, to recognize it by.
   * @example myk_3q2x
   */
  prefix!: string;

  /**
   * What the key may do, as far as its maker may still do it.
   * @example ["tasks.read", "tasks.create"]
   */
  @ApiProperty({ enum: PERMISSIONS, isArray: true })
  permissions!: Permission[];

  /** Who made it; null for a person who is gone. The key works only while they are a member. */
  created_by!: KeyMakerDto | null;

  /**
   * When it was made.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  /**
   * When it stops working; null for never.
   * @example 2027-01-31T12:00:00.000Z
   */
  expires_at!: Date | null;

  /**
   * When it was last used, within a minute; null for never.
   * @example 2026-02-01T12:00:00.000Z
   */
  last_used_at!: Date | null;

  /**
   * When it was revoked; null when it was not.
   * @example 2026-03-01T12:00:00.000Z
   */
  revoked_at!: Date | null;

  static from(key: ApiKeyRow): ApiKeyDto {
    const { id, name, prefix, permissions, created_by, created_at, expires_at, last_used_at, revoked_at } = key;
    return Object.assign(new ApiKeyDto(), {
      id,
      name,
      prefix,
      permissions,
      created_by,
      created_at,
      expires_at,
      last_used_at,
      revoked_at,
    });
  }
}

/** A key that has just been made. */
export class CreatedApiKeyDto {
  /** The key, as lists show it from now on. */
  api_key!: ApiKeyDto;

  /**
   * The whole key, for the header `Authorization: Bearer`. It is shown this once and is not kept.
   * @example myk_3q2x7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0s9Fq1
   */
  secret!: string;
}

/** One page of keys. */
export class ApiKeyPage extends PageOf(ApiKeyDto) {}
