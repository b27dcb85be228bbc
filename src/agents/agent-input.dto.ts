import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import { InvalidInput } from '../domain-error.js';
import { Flag, Nullable, OneOf, Optional, Pattern, Text, WholeNumber, Words } from '../http/fields.js';
import type { AgentInput, AgentPatch } from './agents.service.js';
import { cliIn, tellsEvents } from './known-clis.js';
import { PLACEHOLDERS, type Launch } from './launch.js';

const LONGEST_TIMEOUT = 86_400;
const MOST_CONCURRENT = 10_000;
const MOST_ITEMS = 100;
const CAPABILITY = /^\S(?:.{0,98}\S)?$/u;
const ITEM = /^[^\u0000]{1,4096}$/u;
const AGENT_TYPE = /^[a-z0-9](?:[a-z0-9-]{0,54}[a-z0-9])?$/;
const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** How an agent is to be started. */
export class LaunchInputDto implements Launch {
  /**
   * The argument list, never a shell line: program first. Placeholders such as `{{prompt}}` and `{{task.name}}` are filled
   * in, one item staying one item; an item with `{{model}}` is left out for a task that wants no certain model.
   * @example ["claude", "--print", "--output-format", "stream-json", "--verbose", "{{prompt}}"]
   */
  @Words({ min: 1, max: MOST_ITEMS, pattern: ITEM, form: 'an argument of 1 to 4096 characters' })
  command!: string[];

  /**
   * The argument list that goes on with the session of an earlier attempt, `{{previous.session_id}}`.
   * @example ["claude", "--print", "--output-format", "stream-json", "--verbose", "--resume", "{{previous.session_id}}", "{{prompt}}"]
   */
  @Optional()
  @Words({ min: 1, max: MOST_ITEMS, pattern: ITEM, form: 'an argument of 1 to 4096 characters' })
  resume?: string[];

  /**
   * `plain` for a program whose output is its log, `stream-json` for a known CLI that is told to write its events.
   * @example stream-json
   */
  @OneOf(['plain', 'stream-json'])
  mode!: 'plain' | 'stream-json';
}

/** What an organization may say of any agent. */
class AgentSettingsDto {
  /**
   * Whether its tasks are given to workers.
   * @example true
   */
  @Optional()
  @Flag()
  enabled?: boolean;

  /** How it is started; null for what the catalogue says, or for the fleet's default CLI. */
  @Nullable()
  @IsObject()
  @ValidateNested()
  @Type(() => LaunchInputDto)
  launch?: LaunchInputDto | null;

  /**
   * Seconds after which an attempt is ended when its task does not say; null for what the catalogue says.
   * @example 3600
   */
  @Nullable()
  @WholeNumber({ min: 1, max: LONGEST_TIMEOUT })
  default_timeout_seconds?: number | null;

  /**
   * The most executions of it that the fleet runs at a time, null for no limit.
   * @example 4
   */
  @Nullable()
  @WholeNumber({ min: 1, max: MOST_CONCURRENT })
  max_concurrent?: number | null;
}

/** Changes of an agent. */
export class PatchAgentDto extends AgentSettingsDto implements AgentPatch {
  /**
   * Name for people; only of an agent of the organization's own.
   * @example ReleaseNotesAgent
   */
  @Optional()
  @Text({ min: 1, max: 100 })
  name?: string;

  /**
   * What it does; only of an agent of the organization's own.
   * @example "Writes release notes from merged pull requests."
   */
  @Optional()
  @Text({ min: 1, max: 2000 })
  description?: string;

  /**
   * What it is able to do; only of an agent of the organization's own.
   * @example ["changelogs", "summaries"]
   */
  @Optional()
  @Words({ max: 20, pattern: CAPABILITY, form: 'a few words' })
  capabilities?: string[];
}

/** An agent of the organization's own. */
export class CreateAgentDto extends AgentSettingsDto implements AgentInput {
  /**
   * What tasks name it by: small letters, digits and dashes. Its id is this with `-agent` behind it.
   * @example release-notes
   */
  @Pattern(AGENT_TYPE, 'small letters, digits and dashes, such as release-notes', 56)
  agent_type!: string;

  /**
   * Name for people.
   * @example ReleaseNotesAgent
   */
  @Text({ min: 1, max: 100 })
  name!: string;

  /**
   * What it does.
   * @example "Writes release notes from merged pull requests."
   */
  @Text({ min: 1, max: 2000 })
  description!: string;

  /**
   * What kind of work it is; `custom` when absent.
   * @example custom
   */
  @Optional()
  @OneOf(['coding', 'business', 'custom'])
  category?: 'coding' | 'business' | 'custom';

  /**
   * What it is able to do.
   * @example ["changelogs", "summaries"]
   */
  @Optional()
  @Words({ max: 20, pattern: CAPABILITY, form: 'a few words' })
  capabilities?: string[];
}

/** Throws InvalidInput for a launch that no worker could carry out. */
export function assertLaunchable(launch: LaunchInputDto | null | undefined): void {
  if (launch === null || launch === undefined) return;
  for (const [field, items] of [
    ['command', launch.command],
    ['resume', launch.resume ?? []],
  ] as const) {
    const names = items.flatMap((item) => [...item.matchAll(PLACEHOLDER)].map(([, name = '']) => name));
    const unknown = names.find((name) => !(PLACEHOLDERS as readonly string[]).includes(name));
    if (unknown !== undefined)
      throw fault(`launch.${field}`, `names {{${unknown}}}; there are ${PLACEHOLDERS.join(', ')}`);
    const cli = items.length === 0 ? null : cliIn(items);
    if (launch.mode === 'stream-json' && items.length > 0 && (cli === null || !tellsEvents(cli)))
      throw fault(`launch.${field}`, 'must start a known CLI that writes events, else its mode is plain');
  }
}

const fault = (field: string, message: string): InvalidInput =>
  new InvalidInput('This cannot be launched.', [{ field, message: `${field} ${message}` }]);
