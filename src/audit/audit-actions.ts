/** Everything the audit log tells of, as `noun.what_happened`. */
export const AUDIT_ACTIONS = [
  'auth.signed_in',
  'auth.sign_in_failed',
  'auth.signed_out',
  'auth.session_revoked',
  'auth.refresh_reused',
  'auth.organization_switched',
  'auth.device_approved',
  'auth.device_denied',
  'key.created',
  'key.revoked',
  'join_token.created',
  'join_token.used',
  'join_token.revoked',
  'organization.created',
  'organization.renamed',
  'organization.deleted',
  'organization.ownership_transferred',
  'invitation.created',
  'invitation.revoked',
  'invitation.accepted',
  'invitation.declined',
  'member.role_changed',
  'member.removed',
  'member.left',
  'agent.created',
  'agent.changed',
  'limit.lifted',
  'repository.credentials_set',
  'repository.credentials_removed',
  'repository.deleted',
  'worktree.created',
  'worktree.removed',
  'task.deleted',
  'worker.paused',
  'worker.resumed',
  'worker.drained',
  'worker.deleted',
  'worker.token_rotated',
  'coordinator.registered',
  'coordinator.updated',
  'coordinator.drained',
  'coordinator.deleted',
  'fleet.paused',
  'fleet.resumed',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Whose log: that of the caller's organization, or that of the instance. */
export const AUDIT_SCOPES = ['organization', 'instance'] as const;

export type AuditScope = (typeof AUDIT_SCOPES)[number];

/** What an entry is about: ids by the name of their field. */
export type AuditSubject = Partial<
  Record<
    | 'user_id'
    | 'session_id'
    | 'key_id'
    | 'organization_id'
    | 'invitation_id'
    | 'repository_id'
    | 'worktree_id'
    | 'task_id'
    | 'worker_id'
    | 'coordinator_id'
    | 'agent_id'
    | 'limit_id',
    string
  >
>;
