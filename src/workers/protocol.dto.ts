import { ApiProperty } from '@nestjs/swagger';
import { LaunchDto } from '../agents/agents.dto.js';
import { ExecutionDto } from '../executions/execution.dto.js';
import { SignalsDto } from '../executions/reports.dto.js';
import { IgnoresUnknownFields, Optional, Pattern, WholeNumber } from '../http/fields.js';
import { HoldsAnyJson } from '../http/free-form.js';
import { TaskDto } from '../tasks/task.dto.js';
import { UsageDto } from '../tasks/usage.dto.js';
import type { ClaimBrief } from './claim-briefs.service.js';

/** A wish for work. */
@IgnoresUnknownFields()
export class ClaimDto {
  /**
   * How many executions to give at the most; 1 when absent.
   * @example 1
   */
  @Optional()
  @WholeNumber({ min: 1, max: 100 })
  max?: number;

  /**
   * How long to wait for work, in seconds; 0 when absent.
   * @example 25
   */
  @Optional()
  @WholeNumber({ min: 0, max: 25 })
  wait_seconds?: number;

  /**
   * A text of the worker's own. The same one again within ten minutes gets what the first still runs.
   * @example 6f1d2c3b4a596877
   */
  @Optional()
  @Pattern(/^[\w.:-]{1,100}$/, 'at most 100 letters, digits, dots, colons, dashes or underscores', 100)
  request_key?: string;
}

/** Where an execution finds its code. */
export class ClaimedRepositoryDto {
  /**
   * Id of the repository.
   * @example 0192f0c1-2345-7abc-8def-0123456789ac
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Owner and name where it has them.
   * @example octocat/hello-world
   */
  full_name!: string | null;

  /**
   * Address for Git, with the execution's id as user and the worker's token as password.
   * @example http://127.0.0.1:8080/git/0192f0c1-2345-7abc-8def-0123456789ac.git
   */
  clone_url!: string;

  /**
   * Its default branch.
   * @example main
   */
  default_branch!: string;
}

/** How the agent of an execution is started. */
export class ClaimedAgentDto {
  /**
   * Id of the agent.
   * @example codegen-agent
   */
  id!: string;

  /**
   * What tasks name it by.
   * @example codegen
   */
  agent_type!: string;

  /**
   * Its name for people; commits of its work carry it.
   * @example CodeGenAgent
   */
  name!: string;

  /** The argument list and what to make of its output. */
  launch!: LaunchDto;
}

/** The last attempt that left a pushed branch or a session behind. */
export class PreviousAttemptDto {
  /**
   * Id of that execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789aa
   */
  @ApiProperty({ format: 'uuid' })
  execution_id!: string;

  /**
   * Its branch, there if it pushed anything.
   * @example task/add-a-dark-mode-456789ab-a1
   */
  branch!: string;

  /**
   * Session of its agent, null when it told none.
   * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
   */
  session_id!: string | null;

  /**
   * What all attempts of that session have used together, for agents that count by session; null when nobody has told.
   * @example null
   */
  @ApiProperty({ type: UsageDto, nullable: true })
  usage!: UsageDto | null;
}

/** One task given to a worker. */
export class ClaimedExecutionDto {
  /** The execution. */
  execution!: ExecutionDto;

  /** Its task. */
  task!: TaskDto;

  /** Its repository, null when it works in an empty one of its own. */
  @ApiProperty({ type: ClaimedRepositoryDto, nullable: true })
  repository!: ClaimedRepositoryDto | null;

  /**
   * Branch, tag or commit to start from, null without a repository.
   * @example main
   */
  base_ref!: string | null;

  /**
   * Branches to merge into the start first, in this order: those of the dependencies in the same repository, unless the
   * task says itself where to start.
   * @example []
   */
  merge_refs!: string[];

  /**
   * Branch to push the work to.
   * @example task/add-a-dark-mode-456789ab-a1
   */
  branch!: string;

  /**
   * What to tell the agent.
   * @example "Add a dark mode"
   */
  prompt!: string;

  /** How to start the agent. */
  agent!: ClaimedAgentDto;

  /**
   * Model that the task wants, as `metadata.model` says; null leaves it to the agent.
   * @example example-model-1
   */
  model!: string | null;

  /**
   * Where the last attempt that told so could be gone on from, as it told it; null when none has.
   * @example {"step": 3, "files_done": ["a.ts"]}
   */
  @HoldsAnyJson()
  checkpoint!: unknown;

  /** The last attempt that left a pushed branch or a session behind, null when there is none. */
  @ApiProperty({ type: PreviousAttemptDto, nullable: true, example: null })
  previous!: PreviousAttemptDto | null;

  /**
   * When the attempt will be ended.
   * @example 2026-01-31T13:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  deadline!: string;

  /**
   * Until when it holds without a heartbeat.
   * @example 2026-01-31T12:01:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  lease_expires_at!: string;

  static from({
    execution,
    task,
    repository,
    base_ref,
    merge_refs,
    prompt,
    agent,
    model,
    checkpoint,
    previous,
  }: ClaimBrief): ClaimedExecutionDto {
    return {
      execution: ExecutionDto.from(execution),
      task: TaskDto.from(task),
      repository,
      base_ref,
      merge_refs,
      branch: execution.branch,
      prompt,
      agent,
      model,
      checkpoint,
      previous,
      deadline: (execution.deadline_at ?? execution.started_at).toISOString(),
      lease_expires_at: (execution.lease_expires_at ?? execution.started_at).toISOString(),
    };
  }
}

/** What a worker was given. */
export class ClaimReceiptDto extends SignalsDto {
  /** The executions; empty when there is nothing to do. */
  executions!: ClaimedExecutionDto[];
}
