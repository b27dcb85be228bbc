import type { Actor } from '../auth/principal.js';
import type { DeploymentStatus } from './deployment.states.js';

/** A deployment as it is shown: recorded, or a tag alone. What is not known is null. */
export interface DeploymentView {
  id: string;
  repository_id: string;
  version: string;
  commit_sha: string | null;
  environment: string;
  status: DeploymentStatus;
  source: 'tag' | 'api' | 'github';
  deployed_by: string | null;
  actor: Actor | null;
  pull_request_number: number | null;
  notes: string | null;
  promoted_from: string | null;
  released_at: Date | null;
  created_at: Date | null;
  updated_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
  rolled_back_at: Date | null;
}
