import type { MigrationInterface, QueryRunner } from 'typeorm';

/** First answers to requests with an `Idempotency-Key`, kept for a day. */
export class IdempotencyKeys1790000000240 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table idempotency_keys (
        scope_hash bytea primary key,
        request_hash bytea not null,
        status integer not null,
        headers jsonb not null,
        body json,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null
      )`);
    await runner.query('create index idempotency_keys_expires_at_idx on idempotency_keys (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table idempotency_keys');
  }
}
