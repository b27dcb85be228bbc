import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import { Flag, Ids, OneOf, Optional, Pattern, Text } from '../http/fields.js';
import type { ActionInput, ActionReceipt } from './task-actions.service.js';
import { TASK_ACTIONS, type TaskAction } from './task.rules.js';
import { PRIORITIES, type Priority } from './task.states.js';
import { TaskFilterDto } from './tasks.dto.js';

const MOST_TASKS = 1000;

/** What is to happen to many tasks. Either `filter` or `ids` says which. */
export class TaskActionDto implements ActionInput {
  /**
   * What to do with each of them.
   * @example cancel
   */
  @OneOf(TASK_ACTIONS)
  action!: TaskAction;

  /** Tasks that every field given applies to; an empty object means all of the organization. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => TaskFilterDto)
  filter?: TaskFilterDto;

  /**
   * Ids of the tasks.
   * @example ["0192f0c1-2345-7abc-8def-0123456789ab"]
   */
  @Optional()
  @Ids({ min: 1, max: MOST_TASKS })
  ids?: string[];

  /**
   * The priority to set; for `set_priority` alone.
   * @example P0
   */
  @Optional()
  @OneOf(PRIORITIES)
  priority?: Priority;

  /**
   * Why, in a line for people; for `cancel` alone.
   * @example No longer wanted
   */
  @Optional()
  @Text({ max: 1000 })
  reason?: string;

  /**
   * True to be told what would happen, without anything happening.
   * @example true
   */
  @Optional()
  @Flag()
  dry_run?: boolean;

  /**
   * `next_cursor` of the answer before, to go on where that has stopped.
   * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
   */
  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer', 1024)
  cursor?: string;
}

/** A task that stays as it is. */
export class RefusedTaskDto {
  /**
   * Id of the task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Why, as the route for one task would answer it.
   * @example task/final
   */
  code!: string;
}

/** What became of an action on many tasks. */
export class TaskActionReceiptDto implements ActionReceipt {
  /**
   * Tasks that were looked at, oldest first; at most 1000 in one request.
   * @example 12
   */
  @ApiProperty({ type: 'integer' })
  matched!: number;

  /**
   * Tasks that were changed, or whose worker was asked to end them.
   * @example 11
   */
  @ApiProperty({ type: 'integer' })
  changed!: number;

  /** Tasks that were not, each with the reason. */
  @ApiProperty({ type: [RefusedTaskDto] })
  refused!: RefusedTaskDto[];

  /**
   * Whether there are further tasks, which this request has not looked at.
   * @example false
   */
  more!: boolean;

  /**
   * `cursor` of the request that goes on with them; null when there are none.
   * @example null
   */
  @ApiProperty({ type: String, nullable: true, example: null })
  next_cursor!: string | null;
}
