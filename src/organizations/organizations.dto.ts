import { Id } from '../http/fields.js';
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

/** A tenant. */
export class OrganizationDto {
  /**
   * Id of the organization.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Name of the organization; that of its person where it is a personal one.
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
