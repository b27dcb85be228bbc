import { ApiProperty } from '@nestjs/swagger';
import { OneOf, Optional, Pattern, QueryNumber } from '../http/fields.js';
import type { AgentWithFigures } from './agents.store.js';
import type { Launch } from './launch.js';

const CATEGORIES = ['coding', 'business', 'builtin'];
const ALL = 100;

/** Which agents to list. */
export class AgentsQuery {
  /**
   * Only agents of this category; the built-in ones are listed only when asked for.
   * @example coding
   */
  @Optional()
  @OneOf(CATEGORIES)
  category?: string;

  /**
   * `next_cursor` of the page before.
   * @example 19
   */
  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer')
  cursor?: string;

  /**
   * How many agents to answer at the most.
   * @example 100
   */
  @QueryNumber({ min: 1, max: ALL, fallback: ALL })
  limit: number = ALL;
}

/** How an agent is started. */
export class LaunchDto implements Launch {
  /**
   * The argument list, with placeholders such as `{{prompt}}` and `{{task.name}}`.
   * @example ["claude", "--print", "{{prompt}}"]
   */
  command!: string[];

  /**
   * `plain`: a program whose output is its log. `builtin`: done by the worker itself.
   * @example plain
   */
  @OneOf(['plain', 'builtin'])
  mode!: Launch['mode'];
}

/** How many executions of this organization there are. */
export class AgentExecutionsDto {
  /**
   * Running now.
   * @example 2
   */
  @ApiProperty({ type: 'integer' })
  running!: number;

  /**
   * Ended with success.
   * @example 40
   */
  @ApiProperty({ type: 'integer' })
  completed!: number;

  /**
   * Ended without success.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  failed!: number;
}

/** An entry of the catalogue. */
export class AgentDto {
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
   * Name for people.
   * @example CodeGenAgent
   */
  name!: string;

  /**
   * 3 plans, 4 works.
   * @example 4
   */
  @ApiProperty({ type: 'integer' })
  layer!: number;

  /**
   * What kind of work it is.
   * @example coding
   */
  @ApiProperty({ enum: CATEGORIES })
  category!: string;

  /**
   * What it does.
   * @example "Writes the code a task asks for, and the tests that go with it."
   */
  description!: string;

  /**
   * What it is able to do.
   * @example ["generation", "bug fixing", "refactoring"]
   */
  capabilities!: string[];

  /**
   * Whether its tasks are given to workers.
   * @example true
   */
  enabled!: boolean;

  /** How it is started; null means by the fleet's default CLI. */
  @ApiProperty({ type: LaunchDto, nullable: true, example: null })
  launch!: LaunchDto | null;

  /**
   * Seconds after which an attempt is ended when its task does not say.
   * @example 3600
   */
  @ApiProperty({ type: 'integer' })
  default_timeout_seconds!: number;

  /**
   * The most executions of it at a time, null for no limit.
   * @example 4
   */
  @ApiProperty({ type: 'integer', nullable: true })
  max_concurrent!: number | null;

  /** Its executions in this organization. */
  executions!: AgentExecutionsDto;

  /**
   * Mean duration of its successful executions in seconds, null while there are none.
   * @example 312.5
   */
  average_duration_seconds!: number | null;

  static from(agent: AgentWithFigures): AgentDto {
    const { running, completed, failed } = agent;
    return {
      id: agent.id,
      agent_type: agent.agent_type,
      name: agent.name,
      layer: agent.layer,
      category: agent.category,
      description: agent.description,
      capabilities: agent.capabilities,
      enabled: agent.enabled,
      launch: agent.launch as Launch | null,
      default_timeout_seconds: agent.default_timeout_seconds,
      max_concurrent: agent.max_concurrent,
      executions: { running, completed, failed },
      average_duration_seconds: agent.average_duration_seconds,
    };
  }
}
