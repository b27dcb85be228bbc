import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether events have told that a worker's disk has too little room, so that each time is told once. */
export class DiskNews1790000000480 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers add told_disk_low boolean not null default false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers drop told_disk_low');
  }
}
