import {
  AnyOf,
  FreeForm,
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
import { PageQuery } from '../http/page.js';
import { PRIORITIES, TASK_STATES, type Priority, type TaskStatus } from './task.states.js';
import type { TaskInput, TaskListInput, TaskPatch } from './tasks.input.js';

/** Labels of workers and of the tasks that want them: `key` or `key=value`. */
export const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}(=[A-Za-z0-9._/:-]{0,63})?$/;
const AGENT_TYPE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const LARGEST_INTEGER = 2_147_483_647;

/** What a new task is made of. */
export class CreateTaskDto implements TaskInput {
  /**
   * What is to be done, in a line of 1 to 255 characters.
   * @example "Add a dark mode"
   */
  @Text({ min: 1, max: 255 })
  name!: string;

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
   * Seconds after which an attempt is ended; 3600 when absent.
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
  @Pattern(/^[^\s\u0000-\u001f\u007f~^:?*[\\-][^\s\u0000-\u001f\u007f~^:?*[\\]*$/, 'a branch, tag or commit')
  base_ref?: string;
}

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

/** Which tasks to list. */
export class TasksQuery extends PageQuery implements TaskListInput {
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
