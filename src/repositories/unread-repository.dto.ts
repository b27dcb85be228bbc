import { ApiProperty } from '@nestjs/swagger';
import type { UnreadRepository } from './repository-reader.service.js';

/** A repository that is, or may be, missing from a list in whole or in part. */
export class UnreadRepositoryDto implements UnreadRepository {
  /**
   * The repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  repository_id!: string;

  /**
   * What went wrong, for programs. Among worktrees, `worktree/not-visited`: nothing, there are too many repositories to
   * visit each.
   * @example git/failed
   */
  code!: string;

  /**
   * What went wrong, for people.
   * @example "There is no Git repository at its address, or it is not visible without credentials."
   */
  detail!: string;

  static from({ repository_id, code, detail }: UnreadRepository): UnreadRepositoryDto {
    return Object.assign(new UnreadRepositoryDto(), { repository_id, code, detail });
  }
}
