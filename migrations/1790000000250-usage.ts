import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Arithmetic of usage, where it is exact: decimals are added as decimals. Tokens stop at 2^53 - 1, the largest number
 * that JSON carries for everybody. `stable` and not `immutable`, because only so they are inlined.
 */
export class Usage1790000000250 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const tokens = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens'];
    const each = (make: (name: string) => string): string =>
      tokens.map((name) => `'${name}', ${make(name)}`).join(',\n            ');
    // What an attempt said before and says now: figures only grow, so a late or repeated word changes nothing.
    await runner.query(`
      create function usage_grown(known jsonb, said jsonb) returns jsonb language sql stable parallel safe as $$
        select case
          when said is null then known
          else jsonb_build_object(
            ${each((name) => `greatest((known->>'${name}')::numeric, (said->>'${name}')::numeric, 0)`)},
            'cost_usd', greatest((known->>'cost_usd')::numeric, (said->>'cost_usd')::numeric),
            'cost_source', coalesce(said->>'cost_source', known->>'cost_source'))
        end $$`);
    // What several attempts used together. The sum of unlike costs is an estimate.
    await runner.query(`
      create function usage_sum(one jsonb, other jsonb) returns jsonb language sql stable parallel safe as $$
        select case
          when other is null then one
          when one is null then other
          else jsonb_build_object(
            ${each((name) => `least((one->>'${name}')::numeric + (other->>'${name}')::numeric, 9007199254740991)`)},
            'cost_usd', case
              when one->>'cost_usd' is null then (other->>'cost_usd')::numeric
              when other->>'cost_usd' is null then (one->>'cost_usd')::numeric
              else (one->>'cost_usd')::numeric + (other->>'cost_usd')::numeric
            end,
            'cost_source', case
              when one->>'cost_usd' is null then other->>'cost_source'
              when other->>'cost_usd' is null then one->>'cost_source'
              when one->>'cost_source' is not distinct from other->>'cost_source' then one->>'cost_source'
              else 'estimated'
            end)
        end $$`);
    // How far a budget is used: null below 80 %. Every token counts, also those read from a cache or written to one.
    await runner.query(`
      create function budget_state(spent jsonb, max_cost_usd numeric, max_tokens bigint) returns text
      language sql stable parallel safe as $$
        select case
          when cost > max_cost_usd or tokens > max_tokens then 'exceeded'
          when cost >= max_cost_usd or tokens >= max_tokens then 'spent'
          when cost >= max_cost_usd * 0.8 or tokens >= max_tokens * 0.8 then 'near'
        end
        from (
          select (spent->>'cost_usd')::numeric as cost,
                 ${tokens.map((name) => `(spent->>'${name}')::numeric`).join(' + ')} as tokens
        ) used $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function budget_state(jsonb, numeric, bigint)');
    await runner.query('drop function usage_sum(jsonb, jsonb), usage_grown(jsonb, jsonb)');
  }
}
