import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The pauses of workers outlive that their coordinator has them finish because it is told to stop. */
export class PausesBehindDrains1790000000444 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table coordinators add paused_workers jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table coordinators drop paused_workers');
  }
}
