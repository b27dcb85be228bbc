import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the agent of an execution was over: what its worker still does is not its time. */
export class Handovers1790000000561 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table leases add agent_ended_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table leases drop agent_ended_at');
  }
}
