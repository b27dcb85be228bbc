import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many executions of each agent have ended, and how long the successful ones took. The statement that ends
 * executions adds its differences as rows of their own, so that nobody waits for a shared counter; a duty folds them.
 */
export class AgentCounts1790000000412 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table agent_counts (
        organization_id uuid not null,
        agent_type text not null,
        completed bigint not null,
        failed bigint not null,
        seconds double precision not null,
        primary key (organization_id, agent_type)
      )`);
    await runner.query(`
      create table agent_count_changes (
        id bigint generated always as identity primary key,
        organization_id uuid not null,
        agent_type text not null,
        completed integer not null,
        failed integer not null,
        seconds double precision not null
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`);
    await runner.query('create index agent_count_changes_organization_id_idx on agent_count_changes (organization_id)');
    await runner.query(`
      insert into agent_counts (organization_id, agent_type, completed, failed, seconds)
      select organization_id, agent_type, count(*) filter (where status = 'completed'),
             count(*) filter (where status = 'failed'),
             coalesce(sum(extract(epoch from finished_at - started_at)) filter (where status = 'completed'), 0)
      from agent_executions where status in ('completed', 'failed') group by organization_id, agent_type`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table agent_count_changes, agent_counts');
  }
}
