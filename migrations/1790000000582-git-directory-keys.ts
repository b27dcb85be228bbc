import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A repository on disk that was registered by its git directory has the key of its work tree, so that it cannot be
 * registered once more. Where both are registered already, each stays what it is.
 */
export class GitDirectoryKeys1790000000582 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      update repositories r set source_key = left(source_key, -length('/.git'))
      where source_key like 'file:/%/.git' and not exists (
        select 1 from repositories other where other.organization_id = r.organization_id
          and other.source_key = left(r.source_key, -length('/.git')))`);
  }

  /** Servers of the version before have the same keys. */
  down(): Promise<void> {
    return Promise.resolve();
  }
}
