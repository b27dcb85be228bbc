import { ApiProperty } from '@nestjs/swagger';
import { Id, Optional, Pattern } from '../http/fields.js';
import { AGENT_TYPE } from './create-task.dto.js';
import type { TaskStats } from './task-stats.service.js';

/** Which tasks to count. */
export class TaskStatsQuery {
  /**
   * Only tasks of this repository.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;

  /**
   * Only tasks for this kind of agent.
   * @example codegen
   */
  @Optional()
  @Pattern(AGENT_TYPE, 'the agent_type of an agent', 63)
  agent_type?: string;
}

/** How many tasks there are. */
export class TaskStatsDto implements TaskStats {
  /**
   * All of them.
   * @example 42
   */
  @ApiProperty({ type: 'integer' })
  total!: number;

  /**
   * Those that wait for others.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  blocked!: number;

  /**
   * Those that wait for a worker, for their time or for their key.
   * @example 5
   */
  @ApiProperty({ type: 'integer' })
  pending!: number;

  /**
   * Those that are being done.
   * @example 4
   */
  @ApiProperty({ type: 'integer' })
  running!: number;

  /**
   * Those that succeeded.
   * @example 27
   */
  @ApiProperty({ type: 'integer' })
  completed!: number;

  /**
   * Those that failed and have no retry left.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  failed!: number;

  /**
   * Those that somebody cancelled.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  cancelled!: number;

  /**
   * Those that were passed over because a task they depend on ended without success.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  skipped!: number;

  /**
   * How many seconds the longest has been in the queue since a worker may take it; null when none is there.
   * @example 12.5
   */
  @ApiProperty({ type: 'number', nullable: true })
  oldest_pending_seconds!: number | null;
}
