/** The payloads a worker exchanges with the server. */

export type DesiredStatus = 'active' | 'paused' | 'draining' | 'stopped';

/** Part of every answer to a worker. */
export interface Directives {
  cancel: string[];
  lost: string[];
  desired_status: DesiredStatus;
}

export interface Launcher {
  name: string;
  version: string | null;
  signed_in: boolean | null;
}

export interface WorkerRegistration {
  name: string;
  scope: 'organization' | 'instance';
  labels: string[];
  agent_types: string[] | null;
  launchers: Launcher[];
  isolation: 'none';
  capacity: number;
  version: string;
  protocol: number;
  host: string;
  replace: boolean;
  resume: string[];
}

export interface Registration {
  worker: { id: string; name: string };
  token: string;
  protocol: number;
  min_protocol: number;
  server_version: string;
  heartbeat_seconds: number;
  lease_seconds: number;
  log_batch: number;
}

export interface Metrics {
  cpu_usage: number;
  memory_usage: number;
  disk_usage: number;
  uptime_seconds: number;
}

export interface Heartbeat {
  metrics: Metrics;
  executions: { id: string; message?: string }[];
}

export interface HeartbeatAnswer extends Directives {
  server_time: string;
  next_heartbeat_seconds: number;
  note: string | null;
}

export interface ClaimRequest {
  max: number;
  wait_seconds: number;
  request_key: string;
}

/** One claimed execution with all that is needed to run it. */
export interface Grant {
  execution: { id: string; attempt: number; started_at: string };
  task: {
    id: string;
    name: string;
    description: string | null;
    priority: string;
    agent_type: string;
    issue_number: number | null;
    timeout_seconds: number;
    metadata: Record<string, unknown>;
  };
  repository: { id: string; full_name: string | null; clone_url: string; default_branch: string } | null;
  base_ref: string | null;
  merge_refs?: string[];
  branch: string;
  prompt: string;
  agent: { id: string; agent_type: string; name?: string; launch: { command: string[]; mode: string } };
  model?: string | null;
  deadline: string;
  lease_expires_at: string;
}

export interface ClaimAnswer extends Directives {
  executions: Grant[];
}

export interface LogEntry {
  level: 'debug' | 'info' | 'warn' | 'error';
  stream: 'stdout' | 'stderr' | 'agent' | 'system';
  message: string;
  logged_at: string;
}

export interface LogBatch {
  offset: number;
  entries: LogEntry[];
}

export interface LogAnswer extends Directives {
  next_offset: number;
}

export interface Progress {
  progress?: number;
  message?: string;
}

export type FailureReason =
  | 'agent_error'
  | 'agent_missing'
  | 'timeout'
  | 'stalled'
  | 'worktree'
  | 'merge_conflict'
  | 'git'
  | 'network'
  | 'disk_full'
  | 'unknown';

export interface Finish {
  outcome: 'completed' | 'failed' | 'cancelled' | 'released';
  result?: Record<string, unknown>;
  error_message?: string;
  failure_reason?: FailureReason;
  retryable?: boolean;
  exit_code?: number;
  base_sha?: string;
  commit_sha?: string;
  log_entries?: number;
}

export interface FinishAnswer extends Directives {
  execution: { id: string; status: string };
  task: { id: string; status: string };
  log_incomplete?: boolean;
}

interface Post<Path extends Record<string, string>, Body, Answer> {
  post: {
    parameters: { path: Path };
    requestBody: { content: { 'application/json': Body } };
    responses: { 200: { content: { 'application/json': Answer } } };
  };
}

export interface paths {
  '/api/v1/workers': {
    post: {
      requestBody: { content: { 'application/json': WorkerRegistration } };
      responses: { 200: { content: { 'application/json': Registration } } };
    };
  };
  '/api/v1/workers/{id}/heartbeat': Post<{ id: string }, Heartbeat, HeartbeatAnswer>;
  '/api/v1/workers/{id}/claim': Post<{ id: string }, ClaimRequest, ClaimAnswer>;
  '/api/v1/executions/{id}/logs': Post<{ id: string }, LogBatch, LogAnswer>;
  '/api/v1/executions/{id}/progress': Post<{ id: string }, Progress, Directives>;
  '/api/v1/executions/{id}/finish': Post<{ id: string }, Finish, FinishAnswer>;
}
