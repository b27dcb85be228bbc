/** Every permission, as `resource.action`. */
export const PERMISSIONS = [
  'organizations.read',
  'organizations.manage',
  'members.manage',
  'audit.read',
  'keys.manage',
  'repositories.read',
  'repositories.write',
  'repositories.manage',
  'tasks.read',
  'tasks.create',
  'tasks.update',
  'tasks.delete',
  'agents.read',
  'agents.execute',
  'agents.run_script',
  'agents.manage',
  'workers.read',
  'workers.register',
  'workers.manage',
  'coordinators.read',
  'coordinators.register',
  'coordinators.manage',
  'workflows.read',
  'workflows.write',
  'workflows.run',
  'deployments.read',
  'deployments.write',
  'worktrees.read',
  'worktrees.manage',
  'dashboard.read',
  'events.read',
  'webhooks.read',
  'webhooks.manage',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** What a member of an organization is. */
export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const;

export type Role = (typeof ROLES)[number];

const VIEWER = PERMISSIONS.filter((permission) => permission.endsWith('.read') && permission !== 'audit.read');

const MEMBER: readonly Permission[] = [
  ...VIEWER,
  'tasks.create',
  'tasks.update',
  'tasks.delete',
  'agents.execute',
  'repositories.write',
  'workflows.write',
  'workflows.run',
  'deployments.write',
  'keys.manage',
];

/** What each role may do; deleting an organization and touching its owners is left to owners by policy. */
export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  owner: PERMISSIONS,
  admin: PERMISSIONS,
  member: MEMBER,
  viewer: VIEWER,
};

const PERMISSIONS_OF: ReadonlyMap<Role, ReadonlySet<Permission>> = new Map(
  ROLES.map((role) => [role, new Set(ROLE_PERMISSIONS[role])]),
);

/** What the role may do; nothing for a role that this version does not know. */
export const permissionsOf = (role: Role): ReadonlySet<Permission> => PERMISSIONS_OF.get(role) ?? new Set();
