import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of a checkout that nobody has looked into nothing is known, which is neither yes nor no. */
export class UnseenCheckouts1790000000575 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table worker_checkouts
      alter dirty drop not null, alter unpushed drop not null, alter merged drop not null`);
  }

  /** What is not known counts as work that must not be lost. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`update worker_checkouts set dirty = coalesce(dirty, true),
      unpushed = coalesce(unpushed, true), merged = coalesce(merged, false)
      where dirty is null or unpushed is null or merged is null`);
    await runner.query(`alter table worker_checkouts
      alter dirty set not null, alter unpushed set not null, alter merged set not null`);
  }
}
