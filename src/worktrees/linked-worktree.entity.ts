import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** A linked work tree of a local repository, as far as it needs to be known again. The rest is on the disk. */
@Entity('linked_worktrees')
@Unique('linked_worktrees_repository_id_name_key', ['repository_id', 'name'])
@Index('linked_worktrees_page_idx', ['organization_id', 'created_at', 'id'])
export class LinkedWorktreeRecord {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'linked_worktrees_pkey' })
  id!: string;

  @Column({ type: 'uuid' })
  organization_id!: string;

  @Column({ type: 'uuid' })
  @ForeignKey('Repository', { name: 'linked_worktrees_repository_id_fkey', onDelete: 'CASCADE' })
  repository_id!: string;

  /** Its name in the git directory of the repository; bytes, as not every name is text. */
  @Column({ type: 'bytea' })
  name!: Buffer;

  /** With this it is told from another one that had the same name. */
  @Column({ type: 'timestamptz' })
  created_at!: Date;
}
