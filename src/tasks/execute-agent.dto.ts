import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import { Flag, Id, Ids, Optional, Pattern, Text } from '../http/fields.js';
import { AGENT_TYPE, TaskFieldsDto } from './create-task.dto.js';
import { MOST_DEPENDENCIES, type TaskInput } from './tasks.input.js';

/** How the work is to be done. */
export class ExecuteOptionsDto {
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
}

/** Which agent is to work on what. */
export class ExecuteAgentDto extends TaskFieldsDto {
  /**
   * Repository to work in.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /**
   * Which agent does it.
   * @example codegen
   */
  @Pattern(AGENT_TYPE, 'the agent_type of an agent, such as codegen', 63)
  agent_type!: string;

  /**
   * What is to be done, in a line of 1 to 255 characters; when absent the agent and the issue are named.
   * @example "Add a dark mode"
   */
  @Optional()
  @Text({ min: 1, max: 255 })
  name?: string;

  /**
   * Tasks it waits for: it starts when all of them have completed, and is skipped when one ends otherwise.
   * @example []
   */
  @Optional()
  @Ids({ max: MOST_DEPENDENCIES })
  depends_on?: string[];

  /** How it is to be done; the fields of the same names go before it. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => ExecuteOptionsDto)
  options?: ExecuteOptionsDto;

  toInput(): TaskInput {
    const { options, ...fields } = this;
    const issue = fields.issue_number === undefined ? '' : ` for issue #${String(fields.issue_number)}`;
    return {
      ...fields,
      name: fields.name ?? `${fields.agent_type}${issue}`,
      use_worktree: fields.use_worktree ?? options?.use_worktree,
      auto_pr: fields.auto_pr ?? options?.auto_pr,
    };
  }
}
