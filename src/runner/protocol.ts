import type { components } from '../client/schema.generated.js';

/** The payloads a worker exchanges with the server, under the names the runner uses; the contract itself is generated. */
type Schemas = components['schemas'];

/** Part of every answer to a worker. */
export type Directives = Schemas['Signals'];
export type DesiredStatus = Directives['desired_status'];

export type Launcher = Schemas['Launcher'];
export type WorkerRegistration = Schemas['RegisterWorker'];
export type Registration = Schemas['Registration'];

export type Metrics = Schemas['Metrics'];
export type Heartbeat = Schemas['Heartbeat'];
export type HeartbeatAnswer = Schemas['HeartbeatReceipt'];

/** Always with its key: a claim that was not answered is made again. */
export type ClaimRequest = Schemas['Claim'] & { request_key: string };
export type ClaimAnswer = Schemas['ClaimReceipt'];

type Claimed = Schemas['ClaimedExecution'];
type ClaimedTask = Pick<
  Claimed['task'],
  | 'id'
  | 'organization_id'
  | 'name'
  | 'description'
  | 'priority'
  | 'agent_type'
  | 'issue_number'
  | 'timeout_seconds'
  | 'metadata'
>;

/** One claimed execution: the part of the answer that the runner needs. */
export interface Grant extends Pick<
  Claimed,
  'repository' | 'base_ref' | 'merge_refs' | 'branch' | 'prompt' | 'agent' | 'model' | 'previous' | 'deadline'
> {
  execution: Pick<Claimed['execution'], 'id' | 'attempt'>;
  task: ClaimedTask;
}

export type LogEntry = Required<Schemas['NewLogEntry']>;
export type LogBatch = Schemas['LogBatch'];
export type LogAnswer = Schemas['LogReceipt'];

export type WorktreeReport = Schemas['WorktreeReport'];
export type WorktreesAnswer = Schemas['WorktreesReceipt'];

export type Progress = Schemas['Progress'];

export type FailureReason = NonNullable<Claimed['task']['failure_reason']>;

/** How an execution ended. */
export interface Finish extends Omit<Schemas['Finish'], 'failure_reason'> {
  failure_reason?: FailureReason;
}
export type FinishAnswer = Schemas['FinishReceipt'];
