import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Members are listed in pages, by when they joined. */
export class MemberPages1790000000135 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'create index organization_members_page_idx on organization_members (organization_id, created_at, user_id)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index organization_members_page_idx');
  }
}
