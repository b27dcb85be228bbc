import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The catalogue of agents; its rows are written at each start. */
export class Agents1790000000030 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table agents (
        id text primary key,
        agent_type text not null unique,
        name text not null,
        layer integer not null,
        category text not null check (category in ('coding', 'business', 'builtin')),
        description text not null,
        capabilities text[] not null,
        enabled boolean not null default true,
        launch jsonb,
        launcher text,
        default_timeout_seconds integer not null default 3600,
        max_concurrent integer,
        position integer not null
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table agents');
  }
}
