import { ApiProperty } from '@nestjs/swagger';
import type { ProviderLimit } from './provider-limit.entity.js';

/** That the provider behind a launcher takes no more requests of an account. */
export class ProviderLimitDto {
  /**
   * Id of the limit.
   * @example 0192f0c1-2345-7abc-8def-0123456789ac
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * The command-line agent that is not started until then.
   * @example claude
   */
  launcher!: string;

  /**
   * Its account, as workers name it; null for the one that the organization is taken to have.
   * @example team-a
   */
  @ApiProperty({ type: 'string', nullable: true })
  account!: string | null;

  /**
   * `rate_limited`: too much at once. `quota`: what the account may use is used up.
   * @example quota
   */
  @ApiProperty({ enum: ['rate_limited', 'quota'] })
  reason!: 'rate_limited' | 'quota';

  /**
   * Until when it holds, as the provider has told; a minute and more where it has not.
   * @example 2026-01-31T15:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  until!: string;

  /**
   * The execution that met it first.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ format: 'uuid' })
  reported_by!: string;

  /**
   * When that was.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  reported_at!: string;

  static from(limit: ProviderLimit): ProviderLimitDto {
    const { id, launcher, account, reason, until, reported_by, reported_at } = limit;
    return {
      id,
      launcher,
      account: account || null,
      reason,
      until: until.toISOString(),
      reported_by,
      reported_at: reported_at.toISOString(),
    };
  }
}
