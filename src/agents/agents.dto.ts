import { ApiProperty } from '@nestjs/swagger';
import { OneOf, Optional, Pattern, QueryNumber } from '../http/fields.js';
import type { AgentGroup, AgentOverview } from './agents.service.js';
import type { AgentWithFigures } from './agents.store.js';
import { LAUNCH_MODES, type Launch } from './launch.js';

const CATEGORIES = ['coding', 'business', 'custom', 'builtin'];
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
   * The argument list, with placeholders such as `{{prompt}}` and `{{task.name}}`. An item with `{{model}}` is left out
   * for a task that wants no certain model.
   * @example ["claude", "--print", "{{prompt}}"]
   */
  command!: string[];

  /**
   * The argument list that goes on with the session of an earlier attempt, `{{previous.session_id}}`; used in place of
   * `command` where there is one.
   * @example ["claude", "--print", "--resume", "{{previous.session_id}}", "{{prompt}}"]
   */
  resume?: string[];

  /**
   * `plain`: a program whose output is its log. `stream-json`: one of the known CLIs, which writes its events, a line of
   * JSON each. `builtin`: done by the worker itself.
   * @example plain
   */
  @ApiProperty({ enum: LAUNCH_MODES })
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

/** How many agents there are, and what they do. */
export class AgentGroupDto implements AgentGroup {
  /**
   * How many there are.
   * @example 7
   */
  @ApiProperty({ type: 'integer' })
  agents!: number;

  /**
   * How many of them are switched on.
   * @example 7
   */
  @ApiProperty({ type: 'integer' })
  enabled!: number;

  /**
   * Executions that run now.
   * @example 2
   */
  @ApiProperty({ type: 'integer' })
  running!: number;

  /**
   * Executions that ended with success.
   * @example 40
   */
  @ApiProperty({ type: 'integer' })
  completed!: number;

  /**
   * Executions that ended without success.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  failed!: number;
}

/** The agents of one layer. */
export class AgentLayerDto extends AgentGroupDto {
  /**
   * 3 plans, 4 works.
   * @example 4
   */
  @ApiProperty({ type: 'integer' })
  layer!: number;
}

/** The agents of one category. */
export class AgentCategoryDto extends AgentGroupDto {
  /**
   * What kind of work it is.
   * @example coding
   */
  @ApiProperty({ enum: CATEGORIES.slice(0, 3) })
  category!: string;
}

/** All agents but the built-in ones, counted. */
export class AgentOverviewDto extends AgentGroupDto implements AgentOverview {
  /** By layer, those that plan first. */
  @ApiProperty({ type: [AgentLayerDto] })
  layers!: AgentLayerDto[];

  /** By category. */
  @ApiProperty({ type: [AgentCategoryDto] })
  categories!: AgentCategoryDto[];

  static from({ agents, enabled, running, completed, failed, layers, categories }: AgentOverview): AgentOverviewDto {
    return { agents, enabled, running, completed, failed, layers, categories };
  }
}
