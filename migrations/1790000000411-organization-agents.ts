import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What an organization has changed about agents of the catalogue, and agents of its own. Two organizations may have
 * agents of their own with the same name, so that a task names its agent within its organization; agents are switched off
 * and never deleted.
 */
export class OrganizationAgents1790000000411 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table organization_agents (
        organization_id uuid not null references organizations on delete cascade,
        agent_type text not null,
        id text not null,
        name text,
        category text check (category in ('coding', 'business', 'custom')),
        description text,
        capabilities text[],
        enabled boolean,
        launch jsonb,
        launcher text,
        default_timeout_seconds integer check (default_timeout_seconds between 1 and 86400),
        max_concurrent integer check (max_concurrent between 1 and 10000),
        position integer not null generated always as identity (start with 1000),
        primary key (organization_id, agent_type),
        constraint organization_agents_own_check check ((name is null) = (category is null)
          and (name is null) = (description is null) and (name is null) = (capabilities is null))
      )`);
    await runner.query('create unique index organization_agents_id_key on organization_agents (organization_id, id)');
    await runner.query('alter table tasks drop constraint tasks_agent_type_fkey');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'delete from tasks where not exists (select from agents a where a.agent_type = tasks.agent_type)',
    );
    await runner.query(
      'alter table tasks add constraint tasks_agent_type_fkey foreign key (agent_type) references agents (agent_type)',
    );
    await runner.query('drop table organization_agents');
  }
}
