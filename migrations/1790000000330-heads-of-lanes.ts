import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Before which time a lane holds nothing: a claim begins to read there, and so passes over the entries that have been
 * taken, which stay in the index for as long as somebody holds an old snapshot.
 */
export class HeadsOfLanes1790000000330 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table queue_heads (
        lane_id integer not null references queue_lanes on delete cascade,
        priority text not null,
        run_at timestamptz not null default '-infinity',
        moves integer not null default 0,
        primary key (lane_id, priority)
      ) with (fillfactor = 50)`);
    await runner.query(`
      insert into queue_heads (lane_id, priority)
      select id, priority from queue_lanes cross join (values ('P0'), ('P1'), ('P2')) as p (priority)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table queue_heads');
  }
}
