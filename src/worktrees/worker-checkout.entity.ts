import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A checkout on the disk of a worker, as the worker told it last. An execution has one, which bears its id. */
@Entity('worker_checkouts')
@Index('worker_checkouts_page_idx', ['organization_id', 'created_at', 'id'])
@Index('worker_checkouts_repository_idx', ['repository_id', 'created_at', 'id'])
export class WorkerCheckout {
  /** Id of the execution. */
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'worker_checkouts_pkey' })
  @ForeignKey('Execution', { name: 'worker_checkouts_id_fkey', onDelete: 'CASCADE' })
  id!: string;

  @Column({ type: 'uuid' })
  organization_id!: string;

  @Column({ type: 'uuid', nullable: true })
  repository_id!: string | null;

  /** Null when it has been deleted: what it kept may still be on its disk. */
  @Column({ type: 'uuid', nullable: true })
  @Index('worker_checkouts_worker_id_idx')
  @ForeignKey('Worker', { name: 'worker_checkouts_worker_id_fkey', onDelete: 'SET NULL' })
  worker_id!: string | null;

  @Column({ type: 'text' })
  path!: string;

  @Column({ type: 'text', nullable: true })
  branch!: string | null;

  @Column({ type: 'text', nullable: true })
  head_sha!: string | null;

  /** Whether it holds what is in no commit; null when nobody has looked. */
  @Column({ type: 'boolean', nullable: true })
  dirty!: boolean | null;

  /** Whether it holds commits that were not pushed; null when nobody has looked. */
  @Column({ type: 'boolean', nullable: true })
  unpushed!: boolean | null;

  /** Whether its commits are in the default branch; null when that could not be told. */
  @Column({ type: 'boolean', nullable: true })
  merged!: boolean | null;

  @Column({ type: 'bigint' })
  size_bytes!: string;

  /** Why it is still there; null while its execution runs. */
  @Column({ type: 'text', nullable: true })
  kept_because!: string | null;

  @Column({ type: 'timestamptz' })
  created_at!: Date;

  @Column({ type: 'timestamptz' })
  changed_at!: Date;

  /** Since when its worker is to remove it. */
  @Column({ type: 'timestamptz', nullable: true })
  removal_requested_at!: Date | null;

  /** Whether it is to go with what it holds. */
  @Column({ type: 'boolean', default: false })
  removal_forced!: boolean;
}
