import { ApiProperty } from '@nestjs/swagger';
import { FILE_CHANGES, type Diff, type FileChange, type FileDiff } from './diff-output.js';

/** How one file differs. */
export class FileDiffDto implements FileDiff {
  /**
   * Path of the file; of a deleted one, where it was. A byte that is no text is told as `\xNN`, a backslash that would
   * look like that as `\x5c`, and `path` takes it like that.
   * @example src/sign-in.ts
   */
  path!: string;

  /**
   * Where it was before, when it was renamed or copied, else null.
   * @example src/login.ts
   */
  previous_path!: string | null;

  /**
   * What has become of it. `type_changed`: a file that is a symbolic link or a submodule now, or the other way round.
   * @example renamed
   */
  @ApiProperty({ enum: FILE_CHANGES })
  status!: FileChange;

  /**
   * Its mode as Git writes it: `100644` file, `100755` program, `120000` symbolic link, `160000` submodule; null when
   * it was deleted.
   * @example "100644"
   */
  mode!: string | null;

  /**
   * Its mode before; null when it was added.
   * @example "100644"
   */
  previous_mode!: string | null;

  /**
   * Lines added; null when it is not read as text.
   * @example 12
   */
  @ApiProperty({ type: 'integer', nullable: true })
  additions!: number | null;

  /**
   * Lines deleted; null when it is not read as text.
   * @example 3
   */
  @ApiProperty({ type: 'integer', nullable: true })
  deletions!: number | null;

  /**
   * Whether it is not read as text: it is no text, or larger than 8 MiB.
   * @example false
   */
  binary!: boolean;

  /**
   * What `git apply` takes, headers included, at most 64 KiB; null when it is not read as text, or when there was no
   * room left in the answer.
   * @example "diff --git a/a.txt b/a.txt\nindex 5626abf..814f4a4 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1,2 @@\n one\n+two\n"
   */
  patch!: string | null;

  /**
   * Whether lines at the end of the patch, or all of it, were left out.
   * @example false
   */
  truncated!: boolean;
}

/** What is to be done to get from one commit to another. */
export class DiffDto implements Diff {
  /**
   * Commit that it starts from; null when that is nothing, so that each file is an addition.
   * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
   */
  base_sha!: string | null;

  /**
   * Commit that it leads to.
   * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
   */
  head_sha!: string;

  /**
   * How many files differ, listed or not.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  files_changed!: number;

  /**
   * Lines added, in all files.
   * @example 40
   */
  @ApiProperty({ type: 'integer' })
  additions!: number;

  /**
   * Lines deleted, in all files.
   * @example 7
   */
  @ApiProperty({ type: 'integer' })
  deletions!: number;

  /**
   * Whether files are missing from the list, or lines from their patches: of all files the first 300 are listed, and
   * their patches take 1 MiB at most. Ask for a `path` to see more of it.
   * @example false
   */
  truncated!: boolean;

  /** The files by path. */
  files!: FileDiffDto[];
}

/** The fields of an answer that tells of a diff. */
export const presentDiff = (base_sha: string | null, head_sha: string, diff: Diff): DiffDto => ({
  base_sha,
  head_sha,
  files_changed: diff.files_changed,
  additions: diff.additions,
  deletions: diff.deletions,
  truncated: diff.truncated,
  files: diff.files.map((file) => ({
    path: file.path,
    previous_path: file.previous_path,
    status: file.status,
    mode: file.mode,
    previous_mode: file.previous_mode,
    additions: file.additions,
    deletions: file.deletions,
    binary: file.binary,
    patch: file.patch,
    truncated: file.truncated,
  })),
});
