/** What an agent used: whole tokens, and US dollars where its CLI tells a price. */
export interface AgentUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_tokens: number;
  readonly cache_write_tokens: number;
  readonly cost_usd: number | null;
}

export const noUsage: AgentUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  cost_usd: null,
};

export function addUsage(one: AgentUsage, other: AgentUsage): AgentUsage {
  const cost = one.cost_usd === null && other.cost_usd === null ? null : (one.cost_usd ?? 0) + (other.cost_usd ?? 0);
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    cache_read_tokens: one.cache_read_tokens + other.cache_read_tokens,
    cache_write_tokens: one.cache_write_tokens + other.cache_write_tokens,
    cost_usd: cost,
  };
}

/** What came on top of an earlier count. */
export const tokensSince = (now: AgentUsage, before: AgentUsage): AgentUsage => ({
  input_tokens: Math.max(0, now.input_tokens - before.input_tokens),
  output_tokens: Math.max(0, now.output_tokens - before.output_tokens),
  cache_read_tokens: Math.max(0, now.cache_read_tokens - before.cache_read_tokens),
  cache_write_tokens: Math.max(0, now.cache_write_tokens - before.cache_write_tokens),
  cost_usd: now.cost_usd,
});

export const sumOf = (usages: Iterable<AgentUsage>): AgentUsage => [...usages].reduce(addUsage, noUsage);
