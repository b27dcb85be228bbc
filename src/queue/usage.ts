/** What agents used, as they report it: whole tokens, and dollars with at most six decimals. */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  /** Null when nobody has told a price. */
  cost_usd: number | null;
  cost_source: CostSource | null;
}

export const COST_SOURCES = ['reported', 'estimated', 'subscription'] as const;

export type CostSource = (typeof COST_SOURCES)[number];
