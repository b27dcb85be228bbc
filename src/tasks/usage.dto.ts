import { ApiProperty } from '@nestjs/swagger';
import { COST_SOURCES, type CostSource, type Usage } from './usage.js';

/** What was used. */
export class UsageDto implements Usage {
  /**
   * Tokens the model has read, but for those from a cache.
   * @example 12000
   */
  @ApiProperty({ type: 'integer' })
  input_tokens!: number;

  /**
   * Tokens the model has written.
   * @example 3400
   */
  @ApiProperty({ type: 'integer' })
  output_tokens!: number;

  /**
   * Tokens read from the provider's cache.
   * @example 250000
   */
  @ApiProperty({ type: 'integer' })
  cache_read_tokens!: number;

  /**
   * Tokens written to the provider's cache.
   * @example 18000
   */
  @ApiProperty({ type: 'integer' })
  cache_write_tokens!: number;

  /**
   * What that cost in US dollars, null when nobody has told.
   * @example 0.42
   */
  @ApiProperty({ type: 'number', nullable: true })
  cost_usd!: number | null;

  /**
   * Where the price is from; the sum of unlike ones is `estimated`.
   * @example reported
   */
  @ApiProperty({ enum: COST_SOURCES, nullable: true })
  cost_source!: CostSource | null;

  static from(usage: Usage): UsageDto {
    return {
      input_tokens: usage.input_tokens,
      output_tokens: usage.output_tokens,
      cache_read_tokens: usage.cache_read_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      cost_usd: usage.cost_usd,
      cost_source: usage.cost_source,
    };
  }
}
