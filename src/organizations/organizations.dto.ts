import { Id, Optional, Text } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import type { Organization } from './organization.entity.js';

/** The address of one organization. */
export class OrganizationPath {
  /**
   * Id of the organization.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;
}

/** An organization to be made. */
export class CreateOrganizationDto {
  /**
   * Name as shown to others; several organizations may have the same.
   * @example "Analytical Engines"
   */
  @Text({ min: 1, max: 100 })
  name!: string;
}

/** Changes of an organization. Absent fields stay. */
export class UpdateOrganizationDto {
  /**
   * Name as shown to others.
   * @example "Difference Engines"
   */
  @Optional()
  @Text({ min: 1, max: 100 })
  name?: string;
}

/** A tenant. */
export class OrganizationDto {
  /**
   * Id of the organization.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Name of the organization; a personal one begins with the login of its person.
   * @example ada
   */
  name!: string;

  /**
   * Whether it was made for one person at their first login.
   * @example true
   */
  personal!: boolean;

  /**
   * When it was made.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  static from({ id, name, personal_for, created_at }: Organization): OrganizationDto {
    return Object.assign(new OrganizationDto(), { id, name, personal: personal_for !== null, created_at });
  }
}

/** One page of organizations. */
export class OrganizationPage extends PageOf(OrganizationDto) {}
