import { ApiProperty } from '@nestjs/swagger';
import {
  Decimal,
  Flag,
  Id,
  Ids,
  Instant,
  ListOf,
  OneOf,
  Optional,
  Pattern,
  Text,
  WholeNumber,
  Words,
} from '../http/fields.js';
import { FreeForm } from '../http/free-form.js';
import { TaskDto } from './task.dto.js';
import { PRIORITIES, type Priority } from './task.states.js';
import { MOST_DEPENDENCIES, type BatchedTaskInput, type TaskInput } from './tasks.input.js';

/** Labels of workers and of the tasks that want them: `key` or `key=value`. */
export const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}(=[A-Za-z0-9._/:-]{0,63})?$/;
export const AGENT_TYPE = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const LARGEST_INTEGER = 2_147_483_647;
const MOST_TASKS = 1000;
const MOST_DOLLARS = 1_000_000;
const REF = /^\S(?:.{0,98}\S)?$/u;

/** What every new task may have, however it is made. */
export class TaskFieldsDto implements Partial<TaskInput> {
  /**
   * The whole brief, for the agent. Markdown.
   * @example The settings page gets a switch; the choice is kept for each person.
   */
  @Optional()
  @Text({ max: 200_000 })
  description?: string;

  /**
   * P0 is served before P1, P1 before P2.
   * @example P1
   */
  @Optional()
  @OneOf(PRIORITIES)
  priority?: Priority;

  /**
   * Number of the issue it comes from.
   * @example 123
   */
  @Optional()
  @WholeNumber({ min: 1, max: LARGEST_INTEGER })
  issue_number?: number;

  /**
   * Anything of the caller's own; kept to the letter. A task of the type `script` has its argument list here as `command`.
   * @example {"command": ["npm", "test"]}
   */
  @Optional()
  @FreeForm()
  metadata?: Record<string, unknown>;

  /**
   * How many further attempts may follow the first; 3 when absent.
   * @example 3
   */
  @Optional()
  @WholeNumber({ min: 0, max: 25 })
  max_retries?: number;

  /**
   * Seconds after which an attempt is ended; when absent what the agent says, 3600 by default.
   * @example 3600
   */
  @Optional()
  @WholeNumber({ min: 1, max: 86_400 })
  timeout_seconds?: number;

  /**
   * Not to be started before this time; at once when absent.
   * @example 2026-01-31T12:00:00Z
   */
  @Optional()
  @Instant()
  run_at?: string;

  /**
   * Labels a worker must have to get it, `key` or `key=value`.
   * @example ["gpu", "region=eu"]
   */
  @Optional()
  @Words({ max: 20, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  required_labels?: string[];

  /**
   * Branch, tag or commit to start from; the repository's default branch when absent.
   * @example main
   */
  @Optional()
  @Pattern(/^[^\s\u0000-\u001f\u007f~^:?*[\\-][^\s\u0000-\u001f\u007f~^:?*[\\]*$/, 'a branch, tag or commit', 4096)
  base_ref?: string;

  /**
   * Only one task of the organization with this key is in the queue or runs at a time; the others wait for its end.
   * @example deploy-production
   */
  @Optional()
  @Text({ min: 1, max: 255 })
  concurrency_key?: string;

  /**
   * Whether the agent works in an isolated checkout; true when absent.
   * @example true
   */
  @Optional()
  @Flag()
  use_worktree?: boolean;

  /**
   * Whether a pull request is opened when it has succeeded; when absent its repository says so, else false.
   * @example false
   */
  @Optional()
  @Flag()
  auto_pr?: boolean;

  /**
   * The most that all attempts together may cost, in US dollars with at most six decimals.
   * @example 2.5
   */
  @Optional()
  @Decimal({ min: 0.000001, max: MOST_DOLLARS, places: 6 })
  max_cost_usd?: number;

  /**
   * The most tokens that all attempts together may use.
   * @example 500000
   */
  @Optional()
  @WholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER })
  max_tokens?: number;
}

/** A new task that somebody describes. */
class NewTaskDto extends TaskFieldsDto implements TaskInput {
  /**
   * What is to be done, in a line of 1 to 255 characters.
   * @example "Add a dark mode"
   */
  @Text({ min: 1, max: 255 })
  name!: string;

  /**
   * Repository to work in. Without one the agent gets an empty Git repository.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;

  /**
   * Which agent of the catalogue does it; when absent the one its repository names, else `codegen`.
   * @example codegen
   */
  @Optional()
  @Pattern(AGENT_TYPE, 'the agent_type of an agent, such as codegen', 63)
  agent_type?: string;
}

/** What a new task is made of. */
export class CreateTaskDto extends NewTaskDto {
  /**
   * Tasks it waits for: it starts when all of them have completed, and is skipped when one ends otherwise.
   * @example []
   */
  @Optional()
  @Ids({ max: MOST_DEPENDENCIES })
  depends_on?: string[];
}

/** A new task among others. */
export class BatchedTaskDto extends NewTaskDto implements BatchedTaskInput {
  /**
   * What others of the batch call it in their `depends_on`: 1 to 100 characters. It is not kept.
   * @example build
   */
  @Optional()
  @Pattern(REF, '1 to 100 characters, the first and last of them visible', 100)
  ref?: string;

  /**
   * Tasks it waits for: each the `ref` of another one of the batch, or the id of a task that is there.
   * @example []
   */
  @Optional()
  @Words({
    max: MOST_DEPENDENCIES,
    pattern: REF,
    form: 'the ref of a task of the batch, or the id of a task',
    unique: true,
  })
  depends_on?: string[];
}

/** Tasks to be created together: all of them, or none. */
export class CreateTasksDto {
  /** The tasks, 1 to 1000. They are created in this order. */
  @ListOf(() => BatchedTaskDto, { min: 1, max: MOST_TASKS })
  tasks!: BatchedTaskDto[];
}

/** Tasks that were created together. */
export class CreatedTasksDto {
  /** The tasks, in the order of the request. */
  @ApiProperty({ type: [TaskDto] })
  items!: TaskDto[];
}
