import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Checkouts are listed by organization and repository, may be asked to go with what they hold, and outlive their worker. */
export class CheckoutsByOrganization1790000000450 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table worker_checkouts add organization_id uuid, add repository_id uuid,
        add removal_forced boolean not null default false`);
    await runner.query(`
      update worker_checkouts c set organization_id = e.organization_id, repository_id = e.repository_id
      from agent_executions e where e.id = c.id`);
    await runner.query('alter table worker_checkouts alter organization_id set not null');
    await runner.query('alter table worker_checkouts alter worker_id drop not null');
    await runner.query('alter table worker_checkouts drop constraint worker_checkouts_worker_id_fkey');
    await runner.query(`
      alter table worker_checkouts add constraint worker_checkouts_worker_id_fkey
        foreign key (worker_id) references workers on delete set null`);
    await runner.query('create index worker_checkouts_page_idx on worker_checkouts (organization_id, created_at, id)');
    await runner.query(
      'create index worker_checkouts_repository_idx on worker_checkouts (repository_id, created_at, id)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index worker_checkouts_repository_idx');
    await runner.query('drop index worker_checkouts_page_idx');
    await runner.query('delete from worker_checkouts where worker_id is null');
    await runner.query('alter table worker_checkouts drop constraint worker_checkouts_worker_id_fkey');
    await runner.query(`
      alter table worker_checkouts add constraint worker_checkouts_worker_id_fkey
        foreign key (worker_id) references workers on delete cascade`);
    await runner.query('alter table worker_checkouts alter worker_id set not null');
    await runner.query('alter table worker_checkouts drop removal_forced, drop repository_id, drop organization_id');
  }
}
