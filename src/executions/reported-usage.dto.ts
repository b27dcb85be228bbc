import { Dollars, IgnoresUnknownFields, OneOf, Optional, WholeNumber } from '../http/fields.js';
import { COST_SOURCES, type CostSource, type Usage } from '../tasks/usage.js';

const MOST_TOKENS = Number.MAX_SAFE_INTEGER;
const MOST_DOLLARS = 1_000_000;

/**
 * What an attempt has used so far, in all. Figures only grow: a smaller one than before, or none, leaves what is known.
 */
@IgnoresUnknownFields()
export class ReportedUsageDto implements Partial<Usage> {
  /**
   * Tokens the model has read, but for those from a cache.
   * @example 12000
   */
  @Optional()
  @WholeNumber({ min: 0, max: MOST_TOKENS })
  input_tokens?: number;

  /**
   * Tokens the model has written.
   * @example 3400
   */
  @Optional()
  @WholeNumber({ min: 0, max: MOST_TOKENS })
  output_tokens?: number;

  /**
   * Tokens read from the provider's cache.
   * @example 250000
   */
  @Optional()
  @WholeNumber({ min: 0, max: MOST_TOKENS })
  cache_read_tokens?: number;

  /**
   * Tokens written to the provider's cache.
   * @example 18000
   */
  @Optional()
  @WholeNumber({ min: 0, max: MOST_TOKENS })
  cache_write_tokens?: number;

  /**
   * What that cost, in US dollars with at most six decimals. Absent when nobody knows.
   * @example 0.42
   */
  @Optional()
  @Dollars({ max: MOST_DOLLARS })
  cost_usd?: number;

  /**
   * Where the price is from: the provider's own figure, an estimate, or a share of a subscription.
   * @example reported
   */
  @Optional()
  @OneOf(COST_SOURCES)
  cost_source?: CostSource;
}
