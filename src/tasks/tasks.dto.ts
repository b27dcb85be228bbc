import {
  AnyOf,
  Id,
  Instant,
  Nullable,
  OneOf,
  Optional,
  Pattern,
  QueryNumber,
  Text,
  WholeNumber,
  Words,
} from '../http/fields.js';
import { FreeForm } from '../http/free-form.js';
import { DEFAULT_LIMIT } from '../http/page.js';
import { AGENT_TYPE, LABEL, LARGEST_INTEGER } from './create-task.dto.js';
import { PRIORITIES, TASK_STATES, type Priority, type TaskStatus } from './task.states.js';
import {
  TASK_ORDERS,
  type TaskFilterInput,
  type TaskListInput,
  type TaskOrder,
  type TaskPatch,
} from './tasks.input.js';

const MOST_WAIT_SECONDS = 25;

/** Changes of a task. Absent fields stay; null clears where it is allowed. */
export class PatchTaskDto implements TaskPatch {
  /**
   * What is to be done, in a line.
   * @example "Add a dark mode"
   */
  @Optional()
  @Text({ min: 1, max: 255 })
  name?: string;

  /**
   * The whole brief; null clears it.
   * @example The settings page gets a switch.
   */
  @Nullable()
  @Text({ max: 200_000 })
  description?: string | null;

  /**
   * P0 is served before P1, P1 before P2.
   * @example P0
   */
  @Optional()
  @OneOf(PRIORITIES)
  priority?: Priority;

  /**
   * Replaces the metadata as a whole.
   * @example {"team": "web"}
   */
  @Optional()
  @FreeForm()
  metadata?: Record<string, unknown>;

  /**
   * Not to be started before this time.
   * @example 2026-01-31T12:00:00Z
   */
  @Optional()
  @Instant()
  run_at?: string;

  /**
   * How many further attempts may follow the first; never below those already made.
   * @example 5
   */
  @Optional()
  @WholeNumber({ min: 0, max: 25 })
  max_retries?: number;

  /**
   * Seconds after which an attempt is ended; for attempts that start after the change.
   * @example 1800
   */
  @Optional()
  @WholeNumber({ min: 1, max: 86_400 })
  timeout_seconds?: number;

  /**
   * Labels a worker must have to get it.
   * @example ["gpu"]
   */
  @Optional()
  @Words({ max: 20, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  required_labels?: string[];
}

/** Why a task is cancelled. */
export class CancelTaskDto {
  /**
   * A line for people.
   * @example No longer wanted
   */
  @Optional()
  @Text({ max: 1000 })
  reason?: string;
}

/** Which tasks are meant: those that every field given applies to. */
export class TaskFilterDto implements TaskFilterInput {
  /**
   * Only tasks with one of these statuses; repeatable.
   * @example ["pending"]
   */
  @Optional()
  @AnyOf(TASK_STATES)
  status?: TaskStatus[];

  /**
   * Only tasks of this priority.
   * @example P0
   */
  @Optional()
  @OneOf(PRIORITIES)
  priority?: Priority;

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

  /**
   * Only tasks that come from this issue.
   * @example 123
   */
  @QueryNumber({ min: 1, max: LARGEST_INTEGER })
  issue_number?: number;

  /**
   * Only tasks that this worker runs or has run last.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  worker_id?: string;

  /**
   * Only tasks created after this time.
   * @example 2026-01-31T12:00:00Z
   */
  @Optional()
  @Instant()
  created_after?: string;

  /**
   * Only tasks created before this time.
   * @example 2026-02-28T12:00:00Z
   */
  @Optional()
  @Instant()
  created_before?: string;

  /**
   * Only tasks whose name or description holds this text, whatever its case.
   * @example dark mode
   */
  @Optional()
  @Text({ min: 1, max: 200 })
  q?: string;
}

/** Which tasks to list. */
export class TasksQuery extends TaskFilterDto implements TaskListInput {
  /**
   * `created`: newest first. `queue`: only pending tasks, in the order in which they will be served but for the turns
   * of repositories and what only some workers may take: by priority, then by `run_at`, then by id.
   * @example created
   */
  @Optional()
  @OneOf(TASK_ORDERS)
  order?: TaskOrder;

  @QueryNumber({ min: 1, max: 100, fallback: DEFAULT_LIMIT })
  limit: number = DEFAULT_LIMIT;

  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer', 1024)
  cursor?: string;
}

/** How to read a task. */
export class TaskQuery {
  /**
   * Seconds to wait for the task to become what `until` says; the answer is the task as it is then, or when the time is
   * over.
   * @example 20
   */
  @QueryNumber({ min: 0, max: MOST_WAIT_SECONDS, fallback: 0 })
  wait_seconds: number = 0;

  /**
   * What to wait for: `final` is completed, failed, cancelled or skipped.
   * @example final
   */
  @Optional()
  @OneOf(['final'])
  until?: string;
}

/** A task to wait for. */
export class AddDependencyDto {
  /**
   * Id of the task that has to complete first.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Id()
  depends_on_task_id!: string;
}
